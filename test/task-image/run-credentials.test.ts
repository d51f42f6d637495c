import { describe, expect, test } from 'vitest';
import type { Credentials } from '../../policies/contract/worker.ts';
import type { RunAs } from '../../policies/run-as.ts';
import { takeRunCredentials } from '../../task-image/run-credentials.ts';
import { secretArn, session, startSecrets } from './aws-stub.ts';
import { problemFrom, silentControl } from './parts.ts';

const dns = secretArn('dns');
const stub = await startSecrets({ [dns]: '{"token": "the-dns-token"}' });

const nothing: RunAs = { envSecrets: [] };
const asRole: RunAs = { role: 'arn:aws:iam::222222222222:role/tf', envSecrets: [] };
const withSecret: RunAs = { envSecrets: [{ name: 'DNS_TOKEN', secret: dns, key: 'token' }] };

/** For a plan; what applies run as must not count. */
function taken(plan: RunAs, ...answers: readonly Credentials[]) {
  const left = [...answers];
  let asked = 0;
  const credentials = async (): Promise<Credentials> => {
    asked += 1;
    return left.shift() ?? {};
  };
  const apply = { ...asRole, ...withSecret };
  return { asked: () => asked, taking: takeRunCredentials({ ...silentControl(), credentials }, { plan, apply }) };
}

describe('what a run may use', () => {
  test('is nothing, and the door is not asked, where the policy says nothing', async () => {
    const { taking, asked } = taken(nothing, { role: session('ROLE') });
    expect((await taking).environment).toEqual({});
    expect(asked()).toBe(0);
  });

  test('is an endpoint, and no key in the environment, where it has a role', async () => {
    const { environment, drop } = await taken(asRole, { role: session('ROLE') }).taking;
    expect(Object.keys(environment).sort()).toEqual([
      'AWS_CONTAINER_AUTHORIZATION_TOKEN',
      'AWS_CONTAINER_CREDENTIALS_FULL_URI',
    ]);
    await drop();
  });

  test('is what its secrets hold, read with the session for them', async () => {
    const { environment, drop } = await taken(withSecret, { secrets: session('SECRETS') }).taking;
    expect(environment).toEqual({ DNS_TOKEN: 'the-dns-token' });
    expect(stub.asked.at(-1)?.headers['x-amz-security-token']).toBe('token-of-the-session-SECRETS');
    await drop();
  });

  test.each<[string, RunAs, Credentials]>([
    ['a role that the policy of the run does not name', withSecret, { role: session('R'), secrets: session('S') }],
    ['no role where it names one', asRole, {}],
  ])('is refused when the door gives %s', async (_what, plan, given) => {
    const problem = await problemFrom(() => taken(plan, given).taking);
    expect(problem).toMatchObject({ code: 'E_CREDENTIALS', fix: 'ask again' });
  });
});
