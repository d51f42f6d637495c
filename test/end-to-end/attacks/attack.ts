/** An attack: the repository of somebody who may push a branch, planned by the whole built chain, and all that it must not get. */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import type { GateRule } from '../../../policies/contract/gate.ts';
import type { Run } from '../../../policies/contract/run.ts';
import type { Finished } from '../../support/command.ts';
import { providerMirror } from '../../support/providers.ts';
import { bareRepository, type Files, type Repository } from '../../support/repository.ts';
import { type Server, startServer } from '../../support/server.ts';
import { startSshd } from '../../support/sshd.ts';
import { temporaryDirectory } from '../../support/temporary-directory.ts';
import { designRules } from '../installation.ts';
import { startThief, type Thief } from './thief.ts';

export interface Attack {
  /** What is tried; also the key of its repository in the policy. */
  readonly name: string;
  /** Its row in the table of attacks, where it has one. */
  readonly row?: string;
  /** Below `prod/x`, which is planned; a leading slash means the root of the repository. */
  readonly files: Files | ((prey: Prey, name: string) => Files);
  /** What an admin says of this stack. */
  readonly stack?: object;
  readonly command?: 'plan' | 'apply';
}

/** What there is to take. */
export interface Prey {
  readonly dataDir: string;
  readonly thiefPort: number;
  readonly deployKeyFile: string;
  /** The state of another stack. */
  readonly foreignState: string;
  /** A directory that anybody on the machine may write to. */
  readonly markers: string;
}

export interface Raid {
  readonly run: Run;
  readonly cli: Finished;
  /** The log as the door tells it. */
  readonly log: string;
  /** What came by the attacker's own connection. */
  readonly loot: string;
}

export interface Battlefield {
  readonly server: Server;
  readonly thief: Thief;
  readonly prey: Prey;
  readonly repository: (name: string) => Repository;
  /** Runs the attack through the CLI to its end, and insists that nothing of the prey was taken, shown or touched. */
  readonly raid: (attack: Attack) => Promise<Raid>;
  readonly stop: () => Promise<void>;
}

const canary = 'canary-of-the-servers-environment';
const foreignSecret = 'secret-in-the-state-of-another-stack';

/** One server for all of these, which wait for their turn. */
export async function battlefield(attacks: readonly Attack[]): Promise<Battlefield> {
  const [sshd, thief] = await Promise.all([startSshd(), startThief()]);
  const dataDir = temporaryDirectory('data');
  const prey: Prey = {
    dataDir,
    thiefPort: thief.port,
    deployKeyFile: sshd.deployKeyFile,
    foreignState: join(dataDir, 'state', 'other@prod~x~0123456789abcdef.tfstate'),
    markers: temporaryDirectory('markers'),
  };
  const repositories = new Map(
    attacks.map(({ name, files }) => {
      const all = Object.entries(typeof files === 'function' ? files(prey, name) : files).map(([path, entry]) => [
        path.startsWith('/') ? path.slice(1) : `prod/x/${path}`,
        entry,
      ]);
      return [name, bareRepository(join(temporaryDirectory('repo'), 'r.git'), Object.fromEntries(all))] as const;
    }),
  );
  const policy = {
    version: 1,
    repositories: Object.fromEntries(
      attacks.map(({ name, stack }) => [
        name,
        {
          url: sshd.url(repositories.get(name)?.dir ?? ''),
          deploy_key: `file:${sshd.deployKeyFile}`,
          known_hosts: sshd.knownHosts,
          rules: designRules,
          stacks: [{ paths: ['prod/**'], providers: { mirror: providerMirror }, ...stack }],
        },
      ]),
    ),
  };
  const env = { AWS_SECRET_ACCESS_KEY: canary };
  const server = await startServer({ policy, dataDir, workers: 3, env });
  const foreign = JSON.stringify({
    version: 4,
    terraform_version: '1.11.4',
    serial: 1,
    lineage: 'other',
    outputs: { secret: { value: foreignSecret, type: 'string' } },
    resources: [],
  });
  writeFileSync(prey.foreignState, foreign, { mode: 0o600 });
  const key = readFileSync(sshd.deployKeyFile, 'utf8').split('\n');
  const secrets = [canary, foreignSecret, server.tokens.deploy, server.tokens.audit, key[1] ?? '', key[2] ?? ''];

  const cli = async (attack: Attack, command: string) => {
    const args = ['--command', command, '--path', 'prod/x', '--ref', 'main', '--repo', attack.name];
    const said = await server.cli(args, {}, { timeoutMs: 60_000 });
    const [, id = ''] = /\brun (?:\u001b\[\d+m)*(r_\w+)/.exec(`${said.stdout}${said.stderr}`) ?? [];
    if (id === '') throw new Error(`no run: ${said.stdout}${said.stderr}`);
    return { said, id };
  };

  return {
    server,
    thief,
    prey,
    repository: name => repositories.get(name) ?? raise(`no attack ${name}`),
    raid: async attack => {
      if (attack.command === 'apply') await cli(attack, 'plan');
      const { said, id } = await cli(attack, attack.command ?? 'plan');
      const run = await server.waitForEnd(id);
      const log = (await server.logs(id)).map(({ text }) => text).join('\n');
      const raid = { run, cli: said, log, loot: thief.loot(attack.name) };
      insist(raid, secrets);
      if (readFileSync(prey.foreignState, 'utf8') !== foreign)
        throw new Error('the state of another stack has changed');
      return raid;
    },
    stop: async () => {
      await Promise.all([server.stop(), sshd.stop(), thief.stop()]);
    },
  };
}

/** Throws when one of the secrets is anywhere, also in a form that no masking looks for, or when a terminal would obey. */
function insist({ run, cli, log, loot }: Raid, secrets: readonly string[]): void {
  const shown = { log, stdout: cli.stdout, stderr: cli.stderr, run: JSON.stringify(run) };
  for (const [where, text] of Object.entries({ ...shown, loot })) {
    const found = secrets.filter(secret => forms(secret).some(form => text.includes(form)));
    if (found.length > 0) throw new Error(`taken (${where}): ${found.join(', ')}`);
    if (worker.some(word => text.includes(word))) throw new Error(`the worker's environment is in the ${where}`);
  }
  for (const [where, text] of Object.entries(shown)) {
    const obeyed = unprintable.exec(text.replaceAll(sgr, ''));
    if (obeyed) throw new Error(`a terminal would obey ${JSON.stringify(obeyed[0])} in the ${where}`);
  }
}

/** Variables of the worker's own environment, forth and back. */
const worker = ['INFRA_DEPLOYER_TICKET=', '=TEKCIT_REYOLPED_ARFNI', 'INFRA_DEPLOYER_DOOR=', '=ROOD_REYOLPED_ARFNI'];

const forms = (secret: string): string[] => [
  secret,
  [...secret].reverse().join(''),
  Buffer.from(secret).toString('hex'),
  Buffer.from(secret).toString('base64').slice(0, -4),
];

const sgr = /\u001b\[[\d;]*m/g;
const unprintable =
  /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]|^\s*section_(start|end):/mu;

/** The attack as the gate meets it: nothing of it runs, and the caller is told the rule. */
export async function refusedByTheGate(field: Battlefield, attack: Attack, rule = ''): Promise<void> {
  const { run, cli, log, loot } = await field.raid(attack);
  expect(run.error).toMatchObject({ code: 'E_GATE' });
  expect(run).toMatchObject({ state: 'failed', terraformStarted: false, exitCode: 5 });
  expect(cli.status).toBe(5);
  expect(log).toContain(rule);
  expect(loot).toBe('');
  expect(readdirSync(field.prey.markers)).toEqual([]);
}

/** An attack, and how it ends where an admin has opened the gate for it: then the sandbox alone is in its way. */
export interface GatedAttack extends Attack {
  readonly rule: GateRule;
  readonly opened: {
    readonly state: Run['state'];
    readonly code?: string;
    readonly log?: RegExp;
    readonly loot?: string;
  };
}

export const withGateOpen = ({ rule, stack, ...attack }: GatedAttack): Attack => ({
  ...attack,
  name: `${attack.name}-let-in`,
  stack: { ...stack, gate: { allow: [rule] } },
});

export async function heldByTheSandbox(field: Battlefield, attack: GatedAttack): Promise<void> {
  const { run, log, loot } = await field.raid(withGateOpen(attack));
  const { state, code, log: words, loot: said } = attack.opened;
  expect({ state: run.state, code: run.error?.code, log }).toMatchObject({ state, code });
  if (words) expect(log).toMatch(words);
  expect(loot).toContain(said ?? '');
  expect(readdirSync(field.prey.markers)).toEqual([]);
  await expect.poll(() => field.thief.connections(`${attack.name}-let-in`), { timeout: 10_000 }).toBe(0);
}

function raise(message: string): never {
  throw new Error(message);
}
