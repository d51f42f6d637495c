import { describe, expect, test } from 'vitest';
import { noCredentials } from '../../../invoker/embedded/no-credentials.ts';
import { usualSettings } from '../../../policies/allowlist.ts';
import type { RunAs } from '../../../policies/run-as.ts';
import { policyFrom } from '../../support/policy.ts';
import { secretArn } from '../../task-image/aws-stub.ts';
import { queuedRun } from '../sample-run.ts';
import { openPolicy, testPlane } from '../test-plane.ts';
import { must, source, workerOf } from '../test-worker.ts';

const role = 'arn:aws:iam::222222222222:role/tf';
const from = (secret: string) => ({ name: 'DNS_TOKEN', secret, key: 'token' });

describe('a server without an AWS account', () => {
  const asked = async (plan: RunAs) => {
    const policy = policyFrom(openPolicy);
    const [repository] = policy.repositories.values();
    if (repository === undefined) throw new Error('the policy has no repository');
    const settings = { ...usualSettings, plan, apply: { role, envSecrets: [] } };
    return noCredentials.ofRun(queuedRun(), repository, settings, policy);
  };

  test('hands out nothing where nothing is wanted, or all of it is in files', async () => {
    for (const envSecrets of [[], [from('file:/etc/secret.json')]])
      expect(await asked({ envSecrets })).toEqual({ ok: true, value: {} });
  });

  test.each<[string, RunAs, string]>([
    ['a role', { role, envSecrets: [] }, 'the policy names a role for this plan'],
    ['a secret of AWS', { envSecrets: [from(secretArn('dns'))] }, 'the policy takes `DNS_TOKEN` from a secret of one'],
  ])('refuses a run that wants %s', async (_what, plan, words) => {
    expect(await asked(plan)).toMatchObject({
      ok: false,
      problem: { code: 'E_CREDENTIALS', message: `this server has no AWS account, and ${words}` },
    });
  });

  test('says so to the worker, and in the audit trail', async () => {
    const stacks = `    stacks: [{paths: [prod/**], plan: {role: '${role}'}}]\n`;
    const plane = await testPlane({ policy: `${openPolicy}${stacks}` });
    const worker = await workerOf(plane);
    await must(worker.tell('source', source));
    expect(await worker.refused('credentials', {})).toEqual([403, 'E_CREDENTIALS']);
    expect(await plane.kinds(worker.id)).toEqual(['accepted', 'started', 'resolved', 'refused']);
  });
});
