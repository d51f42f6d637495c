import { createHash } from 'node:crypto';
import { chmodSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { secretEnvironment } from '../../task-image/secret-environment.ts';
import { requires } from '../support/requirements.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { secretArn, session, startSecrets } from './aws-stub.ts';
import { problemFrom } from './parts.ts';
import { fetchesNothing, runningStack } from './running-stack.ts';

const [scaleway, dns] = [secretArn('scaleway'), secretArn('dns')];
const stub = await startSecrets({
  [scaleway]: JSON.stringify({ read: 'the-read-key', write: 'the-write-key', zone: 1, none: '', nul: 'a\0b' }),
  [dns]: Buffer.from('{"token": "the-dns-token"}'),
  [secretArn('text')]: 'the-plain-secret',
  [secretArn('twice')]: '{"token": "the-first", "token": "the-second"}',
});

const hidden: string[] = [];
const hide = (secret: string) => void hidden.push(secret);
const fill = (...wanted: readonly [name: string, secret: string, key: string][]) =>
  secretEnvironment(
    wanted.map(([name, secret, key]) => ({ name, secret, key })),
    session('SECRETS'),
    hide,
  );

function jsonFile(mode: number, text = '{"token": "the-token-in-a-file"}'): string {
  const file = join(temporaryDirectory('secret'), 'secret.json');
  writeFileSync(file, text);
  chmodSync(file, mode);
  return `file:${file}`;
}

describe('secrets in the environment', () => {
  test('are the named keys and nothing else, of each secret that is read once, and hidden', async () => {
    const before = stub.asked.length;
    const wanted = [
      ['SCW_SECRET_KEY', scaleway, 'write'],
      ['TF_VAR_read_key', scaleway, 'read'],
      ['DNS_TOKEN', dns, 'token'],
    ] as const;
    expect(await fill(...wanted.map(one => [...one] as [string, string, string]))).toEqual({
      SCW_SECRET_KEY: 'the-write-key',
      TF_VAR_read_key: 'the-read-key',
      DNS_TOKEN: 'the-dns-token',
    });
    expect(stub.asked.length - before).toBe(2);
    expect(hidden).toEqual(expect.arrayContaining(['the-write-key', 'the-read-key', 'the-dns-token']));
  });

  test('come from a file on one machine', async () => {
    expect(await fill(['DNS_TOKEN', jsonFile(0o600), 'token'])).toEqual({ DNS_TOKEN: 'the-token-in-a-file' });
  });

  test.each(['missing', 'zone', 'none', 'nul', 'toString', '__proto__'])(
    'are refused where a secret has no text at a key: %s',
    async key => {
      const problem = await problemFrom(() => fill(['SCW_SECRET_KEY', scaleway, key]));
      expect(problem).toMatchObject({
        code: 'E_CREDENTIALS',
        message: `the secret \`scaleway-AbCdEf\` for \`SCW_SECRET_KEY\` has no text at its key \`${key}\``,
        fix: expect.stringContaining('`key`'),
      });
      expect(JSON.stringify(problem)).not.toMatch(/the-(?:read|write)-key/);
    },
  );

  test.each(['text', 'twice'])('are refused where a secret is not one JSON object: %s', async name => {
    const problem = await problemFrom(() => fill(['DNS_TOKEN', secretArn(name), 'token']));
    expect(problem).toMatchObject({ message: 'the secret for `DNS_TOKEN` is not one JSON object' });
    expect(JSON.stringify(problem)).not.toMatch(/plain-secret|the-first|the-second/);
  });

  test('are refused where a secret cannot be read, with its name', async () => {
    const problem = await problemFrom(() => fill(['DNS_TOKEN', secretArn('none'), 'token']));
    expect(problem).toMatchObject({
      code: 'E_CREDENTIALS',
      message: 'the secret for `DNS_TOKEN` cannot be read from the secret `none-AbCdEf`: there is none',
    });
  });

  test('are refused where their file is missing, without its place', async () => {
    const problem = await problemFrom(() => fill(['DNS_TOKEN', 'file:/secret/place', 'token']));
    expect(problem).toMatchObject({
      code: 'E_CREDENTIALS',
      message: 'the secret for `DNS_TOKEN` cannot be read: ENOENT',
    });
    expect(JSON.stringify(problem)).not.toContain('/secret/place');
  });
});

describe('a file with secrets', () => {
  const message = 'the secret for `DNS_TOKEN` is in a file that others than the server may read';

  test.each([0o640, 0o604, 0o610])('that others than the server may use is refused: mode %o', async mode => {
    expect(await problemFrom(() => fill(['DNS_TOKEN', jsonFile(mode), 'token']))).toMatchObject({ message });
  });

  test.skipIf(process.getuid?.() !== 0)('that lies where every tool sees it is refused, a link to it too', async () => {
    const directory = mkdtempSync('/usr/local/share/infra-deployer-test-');
    try {
      const file = join(directory, 'secret.json');
      writeFileSync(file, '{"token": "x"}', { mode: 0o600 });
      const link = join(temporaryDirectory('link'), 'secret.json');
      symlinkSync(file, link);
      for (const place of [file, link])
        expect(await problemFrom(() => fill(['DNS_TOKEN', `file:${place}`, 'token']))).toMatchObject({ message });
    } finally {
      rmSync(directory, { recursive: true });
    }
  });

  test.skipIf(requires('terraform', 'sandbox'))('is not in the reach of Terraform, which has its values', async () => {
    const place = jsonFile(0o600);
    const environment = await fill(['TF_VAR_token', place, 'token']);
    const stack = `variable "token" {}
    output "it" {
      value = [sha256(var.token), fileexists("${place.slice('file:'.length)}")]
    }
    `;
    const { init, plan, runDir } = runningStack({ 'main.tf': stack }, { environment });
    await init(fetchesNothing);
    const { json } = await plan(`${runDir}/p/plan`);
    const digest = createHash('sha256').update('the-token-in-a-file').digest('hex');
    expect(json).toMatchObject({ planned_values: { outputs: { it: { value: [digest, false] } } } });
  });
});
