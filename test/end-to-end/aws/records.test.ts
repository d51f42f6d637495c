/** What is left of runs in an account, who may look at it, and what watching costs. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { CloudWatchLogsClient, GetLogEventsCommand } from '@aws-sdk/client-cloudwatch-logs';
import { KMSClient } from '@aws-sdk/client-kms';
import { InvokeCommand, LambdaClient } from '@aws-sdk/client-lambda';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { recordChecks } from '../../../invoker/aws/kms-macs.ts';
import { verifyTrail } from '../../../invoker/verify-trail.ts';
import type { AuditEntry } from '../../../policies/contract/audit-entry.ts';
import type { Logs } from '../../../policies/contract/run.ts';
import { clientFor } from '../../support/aws/clients.ts';
import type { Repository } from '../../support/repository.ts';
import { requires } from '../../support/requirements.ts';
import { temporaryDirectory } from '../../support/temporary-directory.ts';
import { type Account, auditorRole, functionOf, installInAccount, roleOf, stateBucket } from './account.ts';
import { type Job, jobRules, jobsOf, stacks } from './jobs.ts';
import { type Operator, operatorOf, until } from './operator.ts';

const lines = 12_000;
/** More than one answer may say. */
const long = `output "long" {
  value = join("\\n", flatten([
    for n in range(${lines / 1000}) : [for m in range(1000) : format("line %d ${'0123456789'.repeat(10)}", n * 1000 + m)]
  ]))
}
`;

describe.skipIf(requires('aws', 'aws provider', 'sshd', 'terraform'))(
  'what is left of runs in an account',
  { timeout: 180_000 },
  () => {
    let repository: Repository;
    let account: Account;
    let operator: Operator;
    let job: Job;
    beforeAll(async () => {
      repository = stacks({ function: '', task: '', long });
      account = await installInAccount({
        repository: repository.dir,
        rules: jobRules,
        stacks: [
          { paths: ['prod/function', 'prod/long'], worker: 'lambda' },
          { paths: ['prod/task'], worker: 'fargate' },
        ],
      });
      operator = operatorOf(account);
      job = jobsOf(account, repository);
    }, 180_000);
    afterAll(() => account?.stop());

    const auditor = async (...args: string[]) =>
      account.cli(args, {
        ...account.environmentOf(auditorRole),
        INFRA_DEPLOYER_SERVER: `lambda:${functionOf(account.rendered, 'audit').aliasArn}`,
      });
    /** The run that was asked for last, once nobody works on it any more. */
    const over = (path: string) => operator.run(path, run => run.endedAt !== undefined && !run.occupied);
    /** A job that gets a ^C once it follows its run, which it shows by the file that it writes. */
    const cancelable = (path: string) => {
      const runFile = join(temporaryDirectory('run'), 'run.json');
      const pid = Promise.withResolvers<number>();
      const ended = job('plan', path, ['--run-file', runFile], { onStart: pid.resolve });
      const interrupt = async () => {
        await until('it follows its run', () => existsSync(runFile));
        process.kill(await pid.promise, 'SIGINT');
      };
      return { ended, interrupt };
    };
    const keptPlans = async () => operator.objects(account.rendered.buckets.plans.name, 'plans/');

    test('is a plan for as long as it can be applied', async () => {
      expect(await job('plan', 'prod/function')).toMatchObject({ status: 0 });
      const { id } = await over('prod/function');
      expect(await keptPlans()).toEqual([`plans/${id}`]);
      expect(await job('apply', 'prod/function')).toMatchObject({ status: 0 });
      await over('prod/function');
      await operator.round();
      expect(await keptPlans()).toEqual([]);
    });

    test('is the log, line by line, in a stream of CloudWatch Logs', async () => {
      const { id } = await over('prod/function');
      const { logGroup } = JSON.parse(functionOf(account.rendered, 'keeper').env.INFRA_DEPLOYER_SETTINGS ?? '{}');
      const asked = { logGroupName: logGroup, logStreamName: id, startFromHead: true };
      const { events = [] } = await new CloudWatchLogsClient(account.admin).send(new GetLogEventsCommand(asked));
      const kept = (await operator.log(id)).map(line => line || ' ');
      expect(kept.join('\n')).toContain('Apply complete');
      expect(events.map(({ message }) => message)).toEqual(kept);
    });

    test('is the audit trail, a chain of entries that KMS vouches for, and a copy that nobody can change', async () => {
      await operator.round();
      const trail = await operator.ledger.audit(0, 500);
      expect(trail.map(({ event: { kind, command } }) => [command, kind])).toEqual([
        ...['accepted', 'started', 'resolved', 'ended'].map(kind => ['plan', kind]),
        ...['accepted', 'started', 'resolved', 'applying', 'ended'].map(kind => ['apply', kind]),
      ]);
      const { audit } = account.rendered.buckets;
      const objects = await Promise.all(
        (await operator.objects(audit.name)).map(key => operator.object(audit.name, key)),
      );
      const copied = objects.flatMap(text => text.trimEnd().split('\n')).map(line => JSON.parse(line) as AuditEntry);
      const copy = [...new Map(copied.map(entry => [entry.seq, entry])).values()].sort((a, b) => a.seq - b.seq);
      expect(copy).toEqual(trail);

      const { front, rendered } = account;
      const client = new KMSClient(clientFor(front.url, front.issue(roleOf(rendered, 'audit').arn)));
      const check = recordChecks({ client, key: rendered.keys.records.arn });
      const isAuditMac = (mac: string, hash: string) => check('audit', mac, hash);
      expect(await verifyTrail(copy, isAuditMac)).toMatchObject({ ok: true, seq: trail.length });
      const forged = copy.map(entry => (entry.seq === 3 ? { ...entry, mac: '0'.repeat(64) } : entry));
      expect(await verifyTrail(forged, isAuditMac)).toMatchObject({ ok: false, seq: 3 });
    });

    test('is shown to an auditor, who cannot ask for anything', async () => {
      const { id } = await over('prod/function');
      const [list, show, log] = [
        await auditor('runs', 'list'),
        await auditor('runs', 'show', id),
        await auditor('runs', 'logs', id),
      ];
      for (const said of [list, show]) expect(said).toMatchObject({ status: 0, stdout: expect.stringContaining(id) });
      expect(log).toMatchObject({ status: 0, stdout: expect.stringContaining('Apply complete') });
      const before = (await operator.ledger.list({ limit: 10 })).length;
      const asked = await auditor('--command', 'plan', '--path', 'prod/function', '--ref', 'main');
      expect(asked.status).not.toBe(0);
      expect(await operator.ledger.list({ limit: 10 })).toHaveLength(before);
      // Nor at the other door, which they may not invoke.
      const elsewhere = { INFRA_DEPLOYER_SERVER: `lambda:${functionOf(account.rendered, 'deploy').aliasArn}` };
      const refused = await account.cli(['runs', 'show', id], { ...account.environmentOf(auditorRole), ...elsewhere });
      expect(refused.status).not.toBe(0);
    });

    test('is told in answers of less than 1 MB, however long it is, and asked for no oftener than the door says', async () => {
      const { front, rendered } = account;
      const door = functionOf(rendered, 'deploy').aliasArn;
      const before = front.calls.length;
      const began = Date.now();
      const plan = await job('plan', 'prod/long');
      const tookMs = Date.now() - began;
      expect(plan).toMatchObject({ status: 0, stdout: expect.stringContaining(`line ${lines - 1} `) });

      const { id } = await over('prod/long');
      const client = clientFor(front.url, front.issue(auditorRole));
      const lambda = new LambdaClient(client);
      const answers: { readonly bytes: number; readonly told: Logs }[] = [];
      for (let cursor = '0'; answers.at(-1)?.told.end === undefined; cursor = answers.at(-1)?.told.cursor ?? '') {
        const asked = { operation: 'getLogs', request: JSON.stringify({ id, cursor }) };
        const invoke = { FunctionName: functionOf(rendered, 'audit').aliasArn, Payload: JSON.stringify(asked) };
        const { Payload = new Uint8Array() } = await lambda.send(new InvokeCommand(invoke));
        answers.push({ bytes: Payload.length, told: JSON.parse(Buffer.from(Payload).toString()).body });
      }
      const told = answers.flatMap(one => one.told.lines);
      expect(told.filter(({ text }) => /line \d+ (0123456789){10}/.test(text))).toHaveLength(lines);
      expect(Math.max(...answers.map(({ bytes }) => bytes))).toBeLessThan(1_000_000);

      const asks = front.calls.slice(before).filter(({ action, resource, principal }) => {
        const isCi = principal.includes(`/${roleOf(rendered, 'ci').name}/`);
        return isCi && action === 'lambda:InvokeFunction' && resource === door;
      });
      // One that asks, one at once, one each two seconds, and the pages of a log that does not fit into one.
      expect(asks.length).toBeLessThanOrEqual(2 + Math.ceil(tookMs / 2000) + answers.length);
    });

    test('is nothing of a run that was canceled, whether it waits for its turn or is under way', async () => {
      const on = `${stateBucket}/prod/task/terraform.tfstate`;
      const { promise: held, resolve: letGo } = Promise.withResolvers<void>();
      // `init` looks at the state too, and cannot be interrupted.
      account.front.inject('s3:GetObject', { on });
      account.front.inject('s3:GetObject', { on, held });
      const first = cancelable('prod/task');
      const { id } = await operator.run('prod/task', run => run.phase === 'plan');
      const second = cancelable('prod/task');
      const queued = await operator.run('prod/task', run => run.id !== id);

      await second.interrupt();
      expect(await second.ended).toMatchObject({ status: 130 });
      expect(await operator.ledger.get(queued.id)).toMatchObject({ state: 'canceled', occupied: false });
      expect(await operator.ledger.get(queued.id)).not.toHaveProperty('startedAt');
      expect(await operator.ledger.get(id)).toMatchObject({ state: 'running' });

      await first.interrupt();
      await until('Terraform is told', async () => (await operator.log(id)).includes('Interrupt received.'));
      letGo();
      expect(await first.ended).toMatchObject({ status: 130 });
      await until('its task is gone', async () => (await operator.ledger.get(id))?.occupied === false);
      expect(await operator.ledger.get(id)).toMatchObject({ state: 'canceled', toldEnd: true });
      expect(await keptPlans()).not.toContain(`plans/${id}`);
    });
  },
);
