/** Who may do what, judged by AWS's rules from the policies that the module makes: every line, for everybody. */
import { beforeAll, describe, expect, test } from 'vitest';
import { judge } from '../support/aws/iam/judge.ts';
import { requires } from '../support/requirements.ts';
import { type Actor, type ActorName, actorsOf, place } from './actors.ts';
import { type Call, type Section, sectionsOf } from './calls.ts';
import { permissionsPage } from './permissions-page.ts';
import { type Rendered, renderModule, wholeInstallation } from './rendered.ts';
import { may } from './verdicts.ts';

describe.skipIf(requires('terraform', 'aws provider'))('permissions', () => {
  let rendered: Rendered;
  let actors: Readonly<Record<ActorName, Actor>>;
  let sections: readonly Section[];
  let cells: readonly Cell[];
  beforeAll(async () => {
    const role_arns = [place.planRole, place.applyRole, place.otherAccountsRole];
    rendered = await renderModule({ ...wholeInstallation, role_arns });
    actors = actorsOf(rendered);
    sections = sectionsOf(rendered);
    cells = sections.flatMap(({ actors: all, calls }) =>
      calls.flatMap(call => all.map(who => ({ who, call, may: may(rendered, actors[who], call) }))),
    );
  }, 240_000);

  test('everybody may do what the table says, and nothing else of it', () => {
    const wrong = cells.filter(({ who, call, may }) => may !== call.may.includes(who));
    expect(
      wrong.map(({ who, call, may }) => `${who} ${may ? 'may' : 'may not'} ${call.what} (${call.action})`),
    ).toEqual([]);
  });

  test('each denial has an allowed twin that differs in one thing', () => {
    const allowed = cells.filter(({ may }) => may).map(thingsOf);
    const denied = cells.filter(({ who, call, may }) => !may && (call.paired?.includes(who) ?? true));
    expect(denied.length).toBeGreaterThan(900);
    const alone = denied.filter(cell => !allowed.some(twin => isTwin(thingsOf(cell), twin)));
    expect(alone.map(({ who, call }) => `${who}: ${call.what} (${call.action})`)).toEqual([]);
  });

  test('CI may do one of all those things', () => {
    const asked = cells.filter(({ who, call }) => who === 'ci' && call.action !== 'sts:AssumeRole');
    expect(asked.length).toBeGreaterThan(90);
    expect(asked.filter(({ may }) => may).map(({ call }) => [call.action, call.resource])).toEqual([
      ['lambda:InvokeFunction', rendered.functions.deploy?.aliasArn],
    ]);
  });

  test('a worker may do one of all those things', () => {
    const asked = cells.filter(({ who, call }) => who === 'worker' && call.through === undefined);
    expect(asked.length).toBeGreaterThan(90);
    expect(actors.worker).toHaveLength(4);
    expect(asked.filter(({ may }) => may).map(({ call }) => [call.action, call.resource])).toEqual([
      ['lambda:InvokeFunction', rendered.functions.worker?.aliasArn],
    ]);
  });

  test.each(['plan', 'apply'] as const)(
    'Lambda attaches a worker function (%s) to the VPC, its code does not',
    kind => {
      const { roles, functions } = rendered;
      const attach = (code: Record<string, string>) =>
        judge(
          {
            action: 'ec2:CreateNetworkInterface',
            resource: '*',
            context: code,
            principal: { arn: functions[`worker-${kind}`]?.role ?? '', account: rendered.account },
          },
          { identity: roles[`worker-lambda-${kind}`]?.policies ?? [] },
        );
      expect(attach({})).toMatchObject({ allowed: true });
      expect(attach({ 'lambda:SourceFunctionArn': functions[`worker-${kind}`]?.arn ?? '' })).toMatchObject({
        because: 'explicit deny',
      });
    },
  );

  test('the page says the same', async () => {
    await expect(permissionsPage(sections)).toMatchFileSnapshot('../../docs/permissions.md');
  });
});

interface Cell {
  readonly who: ActorName;
  readonly call: Call;
  readonly may: boolean;
}

const thingsOf = ({ who, call }: Cell) => [
  who,
  call.action,
  `${call.resource} ${call.owner}`,
  JSON.stringify([call.context, call.through]),
];

const isTwin = (denied: readonly string[], allowed: readonly string[]): boolean =>
  denied.filter((thing, at) => thing !== allowed[at]).length === 1;
