import { describe, expect, test } from 'vitest';
import { linesOf } from '../lines-of.ts';

const lines = (text: string) => linesOf([], Buffer.from(text));
const body = ['MIIEpAIBAAKCAQEA3Tz2mr7SZiAMfQyuvBjM9Oi', 'A4YsX/7Wq1+kVwXyZ0123456789abcdefghijkl=', 'Zg=='];
const begin = (kind: string) => `-----BEGIN ${kind}PRIVATE KEY-----`;
const end = (kind: string) => `-----END ${kind}PRIVATE KEY-----`;

describe('a private key that nobody told of', () => {
  test.each(['', 'RSA ', 'EC ', 'DSA ', 'ENCRYPTED ', 'OPENSSH '])('is masked from BEGIN to END: %s', async kind => {
    expect(await lines(`before\n${[begin(kind), ...body, end(kind)].join('\n')}\nafter`)).toEqual([
      'before',
      ...Array.from({ length: 5 }, () => '[masked]'),
      'after',
    ]);
  });

  test.each(['    ', '+ ', '      + ', '  ~ ', 'terraform_data.x (local-exec): '])(
    'is masked behind %j',
    async front => {
      const key = [begin('RSA '), 'Proc-Type: 4,ENCRYPTED', '', ...body, end('RSA ')];
      const shown = await lines(key.map(line => front + line).join('\n'));
      expect(shown.filter(line => line.trim() !== '' && line !== front)).toEqual(
        Array.from({ length: 6 }, () => `${front}[masked]`),
      );
    },
  );

  test('is masked in a heredoc whose first line stands elsewhere', async () => {
    expect(await lines(`+ x = "${begin('')}\n  ${body.join('\n  ')}\n  ${end('')}"\n+ y = 1`)).toEqual([
      '+ x = "[masked]',
      '  [masked]',
      '  [masked]',
      '  [masked]',
      '  [masked]"',
      '+ y = 1',
    ]);
  });

  test.each(['\\n', '\\r\\n', '\\\\n', '%0A', ' '])(
    'is masked on one line, with %s between its lines',
    async between => {
      const key = [begin('RSA '), ...body, end('RSA ')].join(between);
      expect(await lines(`{"key": "${key}", "other": 1}`)).toEqual(['{"key": "[masked]", "other": 1}']);
    },
  );

  test('is masked with colours in it', async () => {
    const key = [begin(''), ...body, end('')].map(
      line => `\u001b[32m+\u001b[0m ${line.slice(0, 9)}\u001b[0m${line.slice(9)}`,
    );
    const shown = await lines(key.join('\n'));
    expect(shown.map(line => line.replaceAll(/\u001b\[\d+m/g, ''))).toEqual(
      Array.from({ length: 5 }, () => '+ [masked]'),
    );
  });

  test('is masked to the end of a line that has no end', async () => {
    const shown = await lines(`a ${begin('')}${'A'.repeat(200_000)}${end('')} b\nc`);
    expect(shown).toEqual(['a [masked] b', 'c']);
  });

  test('is masked twice where there are two', async () => {
    expect(await lines(`${begin('')}x${end('')} and ${begin('')}\n${body[0]}\n${end('')}.`)).toEqual([
      '[masked] and [masked]',
      '[masked]',
      '[masked].',
    ]);
  });
});

test('a BEGIN without a key hides nothing of the lines after it', async () => {
  const rest = ['  # aws_db_instance.main will be destroyed', 'Plan: 0 to add, 0 to change, 1 to destroy.'];
  expect(await lines([`x = "${begin('')}`, ...rest].join('\n'))).toEqual(['x = "[masked]', ...rest]);
});

test('a public key and a certificate are no secret', async () => {
  const certificate = ['-----BEGIN CERTIFICATE-----', ...body, '-----END CERTIFICATE-----'];
  expect(await lines(certificate.join('\n'))).toEqual(certificate);
});
