/** What is shipped is bundled: that it finds AWS's clients in there is seen only when it asks. */
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { Finish } from '../../policies/contract/worker.ts';
import { dist } from '../support/cli.ts';
import { run } from '../support/command.ts';
import { cleanEnvironment } from '../support/environment.ts';
import { freePort } from '../support/free-port.ts';
import { requires } from '../support/requirements.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { awsError, secretArn, session, startAwsStub } from './aws-stub.ts';
import { runId } from './parts.ts';
import { claimed } from './scripted-door.ts';

interface Event {
  readonly operation: string;
  readonly request: string;
}

test.skipIf(requires('terraform'))(
  'the built worker asks its door and Secrets Manager',
  { timeout: 60_000 },
  async () => {
    const rules = [{ name: 'all', allow: ['plan'], refs: ['refs/heads/**'], paths: ['prod/**'] }];
    const live = {
      url: 'git@git.example.com:acme/infra-live.git',
      deploy_key: secretArn('infra-live-key'),
      known_hosts: 'git.example.com ssh-ed25519 AAAA',
      rules,
    };
    const policy = { version: 1, repositories: { 'infra-live': live } };
    const aws = await startAwsStub();
    const events: Event[] = [];
    aws.answer(({ body, headers }) => {
      if (headers['x-amz-target'] !== undefined) return awsError('AccessDeniedException');
      const event = JSON.parse(body.toString()) as Event;
      events.push(event);
      const answer = event.operation === 'claim' ? claimed({ policy, session: session('KEYS'), leaseMs: 20_000 }) : {};
      return { body: { status: 200, body: answer } };
    });
    const directory = temporaryDirectory('built');
    const { status, stderr } = await run(process.execPath, [join(dist(), 'worker.js')], {
      env: cleanEnvironment({
        INFRA_DEPLOYER_DOOR: 'lambda:arn:aws:lambda:eu-west-1:111111111111:function:infra-deployer-worker:live',
        INFRA_DEPLOYER_RUN: runId,
        INFRA_DEPLOYER_TICKET: 'ticket',
        INFRA_DEPLOYER_RUN_DIR: join(directory, 'run'),
        INFRA_DEPLOYER_CLONE_DIR: join(directory, 'clone'),
        INFRA_DEPLOYER_DATA_DIR: join(directory, 'data'),
        AWS_ENDPOINT_URL: aws.url,
        AWS_ACCESS_KEY_ID: 'AKIDOFTHEWORKER',
        AWS_SECRET_ACCESS_KEY: 'secret-of-the-worker',
      }),
    });
    expect(stderr).toBe('');
    expect(status).toBe(0);
    expect(events.map(({ operation }) => operation)).toEqual(['claim', 'finish']);
    expect(JSON.parse(events.at(-1)?.request ?? '{}') as Finish).toMatchObject({
      outcome: 'failed',
      error: {
        code: 'E_DEPLOY_KEY',
        message: 'the deploy key cannot be read from the secret `infra-live-key-AbCdEf`: AWS does not allow it',
      },
    });
  },
);

test('the built worker says by its exit code that it did not reach its door', { timeout: 60_000 }, async () => {
  const { status, stderr } = await run(process.execPath, [join(dist(), 'worker.js')], {
    env: cleanEnvironment({
      INFRA_DEPLOYER_DOOR: `http://127.0.0.1:${await freePort()}`,
      INFRA_DEPLOYER_RUN: runId,
      INFRA_DEPLOYER_TICKET: 'ticket',
    }),
  });
  expect([status, stderr]).toEqual([75, 'the door was not reached for one lease\n']);
});
