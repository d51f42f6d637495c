/** Who acts in and around an installation, and by which policies: its roles, sessions of runs, services, and bystanders. */
import { roleSessionPolicy, secretsSessionPolicy } from '../../invoker/aws/session-policies.ts';
import type { Command } from '../../policies/contract/request.ts';
import { canonicalPath } from '../../policies/path.ts';
import type { Policies } from '../support/aws/iam/judge.ts';
import { readPolicy } from '../support/aws/iam/policy-document.ts';
import type { Context, Principal } from '../support/aws/iam/request.ts';
import { policyFrom } from '../support/policy.ts';
import { value } from '../support/value.ts';
import type { Rendered, RenderedFunction, RenderedTask, RoleName } from './rendered.ts';

/** Somebody of whom there are several (the workers' own roles) is one actor: they must all be judged alike. */
export type Actor = readonly Judged[];

export interface Judged {
  readonly principal: Principal;
  readonly policies: Omit<Policies, 'resource'>;
  /** What this one's requests say of themselves. */
  readonly context?: Context;
}

export type ActorName = keyof ReturnType<typeof actorsOf>;

/** The names that the rendered module, the policy of the test and the calls agree on. */
export const place = {
  account: '111111111111',
  otherAccount: '222222222222',
  planRole: 'arn:aws:iam::111111111111:role/tf-plan',
  applyRole: 'arn:aws:iam::111111111111:role/tf-apply',
  otherAccountsRole: 'arn:aws:iam::222222222222:role/tf-apply',
  unknownRole: 'arn:aws:iam::222222222222:role/another',
  deployKey: 'arn:aws:secretsmanager:eu-west-1:111111111111:secret:infra-deployer/infra-live-AbC123',
  stranger: '999999999999',
  strangersBucket: 'open-to-everybody',
  gitlab: 'gitlab.com',
  stateBucket: 'acme-tfstate',
} as const;

export function actorsOf(rendered: Rendered) {
  const { account, functions, taskDefinitions } = rendered;
  const roles = Object.values(rendered.roles);
  const by = (arn: string | undefined): Judged => {
    const role = roles.find(one => one.arn === arn);
    if (role === undefined) throw new Error(`the module makes no role ${arn}`);
    return { principal: { arn: role.arn, account }, policies: { identity: role.policies } };
  };
  const of = (name: RoleName) => by(rendered.roles[name]?.arn);
  const narrowed = ({ principal, policies }: Judged, session: string): Judged => ({
    principal,
    policies: { ...policies, session: readPolicy(session) },
  });
  // Their policies give them all there is, so that what is missing is what boundary and session policy take away.
  const run = (role: string, command: Command): Judged =>
    narrowed(
      { principal: { arn: role, account }, policies: { identity: [everything], boundary: rendered.boundary } },
      sessionOf(command),
    );
  const service = (name: string, context: Context = {}): Judged => ({
    principal: { service: `${name}.amazonaws.com` },
    policies: { identity: [] },
    context,
  });
  const job = (project: string): Judged => ({
    principal: { federated: `arn:aws:iam::${account}:oidc-provider/${place.gitlab}` },
    policies: { identity: [] },
    context: {
      [`${place.gitlab}:aud`]: 'infra-deployer',
      [`${place.gitlab}:sub`]: `project_path:${project}:ref_type:branch:ref:main`,
    },
  });
  const source = (owner: string, resource: string): Context => ({
    'aws:SourceAccount': owner,
    'aws:SourceArn': `arn:aws:${resource.replace('ACCOUNT', owner)}`,
  });
  return {
    ci: [of('ci')],
    deploy: [of('deploy')],
    workerDoor: [of('worker')],
    audit: [of('audit')],
    keeper: [of('keeper')],
    worker: [...Object.values(functions), ...Object.values(taskDefinitions)].flatMap(ownRole).map(by),
    secrets: [narrowed(of('run'), value(secretsSessionPolicy([place.deployKey])))],
    plan: [run(place.planRole, 'plan')],
    apply: [run(place.applyRole, 'apply')],
    taskExecution: [by(taskDefinitions.plan?.executionRole), by(taskDefinitions.apply?.executionRole)],
    admin: [almighty(account)],
    stranger: [almighty(place.stranger)],
    lambda: [service('lambda')],
    ecs: [service('ecs-tasks', source(account, 'ecs:eu-west-1:ACCOUNT:*'))],
    ecsOfAnother: [service('ecs-tasks', source(place.otherAccount, 'ecs:eu-west-1:ACCOUNT:*'))],
    minute: [service('events', source(account, 'events:eu-west-1:ACCOUNT:rule/infra-deployer-minute'))],
    anotherRule: [service('events', source(account, 'events:eu-west-1:ACCOUNT:rule/another'))],
    job: [job('acme/infra-live')],
    jobOfAnother: [job('acme/infra-live-fork')],
  } satisfies Record<string, Actor>;
}

/** Of a worker, that is of a function from an image, or of a task. */
const ownRole = (started: RenderedFunction | RenderedTask): readonly string[] => {
  if ('taskRole' in started) return [started.taskRole];
  return started.image === undefined ? [] : [started.role];
};

const almighty = (account: string): Judged => ({
  principal: { arn: `arn:aws:iam::${account}:role/admin`, account },
  policies: { identity: [everything] },
});

const everything = readPolicy({
  Version: '2012-10-17',
  Statement: { Sid: 'Everything', Effect: 'Allow', Action: '*', Resource: '*' },
});

function sessionOf(command: Command): string {
  const policy = policyFrom({
    version: 1,
    repositories: {
      'infra-live': {
        url: 'git@gitlab.com:acme/infra-live.git',
        deploy_key: place.deployKey,
        known_hosts: 'gitlab.com ssh-ed25519 AAAA',
        rules: [{ name: 'all', allow: ['plan', 'apply'], refs: ['refs/heads/main'], paths: ['**'] }],
        stacks: [
          {
            paths: ['**'],
            backend: { type: 's3', config: { bucket: place.stateBucket, key: '{path}/terraform.tfstate' } },
            reads: ['network/**'],
          },
        ],
      },
    },
  });
  const [repository] = policy.repositories.values();
  if (repository === undefined) throw new Error('the policy has a repository');
  const path = value(canonicalPath('prod/app'));
  const session = value(roleSessionPolicy({ policy, repository, path, command, partition: 'aws' }));
  if (session === undefined) throw new Error('state in S3 has a session policy');
  return session;
}
