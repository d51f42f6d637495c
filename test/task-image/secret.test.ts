import { beforeEach, describe, expect, test } from 'vitest';
import { readKey } from '../../task-image/deploy-key.ts';
import { type AwsStub, awsError, secretArn, session, startAwsStub, useStub } from './aws-stub.ts';
import { problemFrom } from './parts.ts';

const stub: AwsStub = await startAwsStub();
useStub(stub, 'SECRETS_MANAGER');
const arn = secretArn('infra-live-key');
const key = '-----BEGIN OPENSSH PRIVATE KEY-----\nbody\n-----END OPENSSH PRIVATE KEY-----\n';

beforeEach(() => stub.answer(() => ({ body: { SecretString: key } })));

describe('a deploy key in Secrets Manager', () => {
  test('is read with the session of the claim, where the secret is', async () => {
    expect(await readKey(arn, session('KEYS'))).toBe(key);
    const asked = stub.asked.at(-1);
    expect(asked?.headers['x-amz-target']).toBe('secretsmanager.GetSecretValue');
    expect(JSON.parse(`${asked?.body}`)).toEqual({ SecretId: arn });
    expect(asked?.headers.authorization).toMatch(/Credential=ASIAKEYS\/\d+\/eu-west-1\/secretsmanager\//);
    expect(asked?.headers['x-amz-security-token']).toBe('token-of-the-session-KEYS');
  });

  test('may be bytes', async () => {
    stub.answer(() => ({ body: { SecretBinary: Buffer.from(key).toString('base64') } }));
    expect(await readKey(arn, session('KEYS'))).toBe(key);
  });

  test('is written as ssh wants it', async () => {
    stub.answer(() => ({ body: { SecretString: key.trimEnd().replaceAll('\n', '\r\n') } }));
    expect(await readKey(arn, session('KEYS'))).toBe(key);
  });

  test('is no JSON object, which the console makes of it', async () => {
    stub.answer(() => ({ body: { SecretString: JSON.stringify({ key }) } }));
    const problem = await problemFrom(() => readKey(arn, session('KEYS')));
    expect(problem).toMatchObject({ code: 'E_DEPLOY_KEY', message: 'the deploy key is a JSON object' });
    expect(problem.fix).toContain('plain text');
  });

  test.each([
    ['AccessDeniedException', 'AWS does not allow it', 'secretsmanager:GetSecretValue'],
    ['ResourceNotFoundException', 'there is none', 'ARN'],
    ['InvalidRequestException', 'it is to be deleted', 'restore'],
    ['DecryptionFailure', 'its KMS key does not decrypt it', 'key'],
    ['ExpiredTokenException', 'the session has expired', 'ask again'],
    ['SomethingNew', 'SomethingNew', 'ask again'],
  ])('that AWS does not give out for %s says why, and what to do', async (name, why, fix) => {
    stub.answer(() => awsError(name));
    const problem = await problemFrom(() => readKey(arn, session('KEYS')));
    expect(problem).toMatchObject({
      code: 'E_DEPLOY_KEY',
      message: `the deploy key cannot be read from the secret \`infra-live-key-AbCdEf\`: ${why}`,
      fix: expect.stringContaining(fix),
    });
    expect(JSON.stringify(problem)).not.toContain('words of AWS');
  });

  test('is asked for again when AWS is busy', async () => {
    let tries = 0;
    stub.answer(() => (tries++ === 0 ? awsError('ThrottlingException') : { body: { SecretString: key } }));
    expect(await readKey(arn, session('KEYS'))).toBe(key);
  });

  test('is not asked for without a session', async () => {
    const before = stub.asked.length;
    const problem = await problemFrom(() => readKey(arn));
    expect(problem).toMatchObject({ code: 'E_DEPLOY_KEY', fix: expect.stringContaining('file:/path') });
    expect(stub.asked.length).toBe(before);
  });
});
