import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { newMasker } from '../../../task-image/masking/masker.ts';
import { linesOf, pieces } from '../lines-of.ts';
import { exact, readable, within } from './encodings.ts';

const bytes = (text: string) => Buffer.from(text, 'utf8');
const colourless = (text: string) => text.replaceAll(/\u001b\[[0-9;:]*m/g, '');

/** Told apart from every other text by a number, so that what is around it is never part of a match. */
const secrets = fc
  .string({
    unit: fc.constantFrom(...'abcXYZ019 !"#$%&\'()*+,-./:;<=>?@[]^_`{|}~\\é語', '🚀', '${', '\t'),
    minLength: 6,
    maxLength: 40,
  })
  .map(text => `q${text.trim()}7Zw#k9`);
const cuts = fc.array(fc.nat(4000), { maxLength: 6 });
const fiftySecrets = Array.from(
  { length: 50 },
  (_, index) => `S${index}$e/c+r&e"t<${(index * 7919).toString(36)}\\>é!`,
);

describe('a secret that was told of', () => {
  test.each(Object.entries(exact))('is masked in %s, wherever the output is cut', async (_name, encode) => {
    await fc.assert(
      fc.asyncProperty(secrets, cuts, async (secret, positions) => {
        const output = bytes(`before |${encode(secret)}| after\n`);
        expect(await linesOf([secret], ...pieces(output, positions))).toEqual(['before |[masked]| after']);
      }),
      { numRuns: 60 },
    );
  });

  test.each(Object.entries(within))('cannot be read within %s', async (_name, encode) => {
    const neighbour = fc.string({ unit: fc.constantFrom(...'ab1.'), maxLength: 4 });
    await fc.assert(
      fc.asyncProperty(secrets, neighbour, neighbour, cuts, async (secret, before, after, positions) => {
        const lines = await linesOf([secret], ...pieces(bytes(encode(secret, before, after)), positions));
        for (const form of readable(secret)) expect(lines.join('\n')).not.toContain(form);
        expect(lines.join('\n')).toContain('[masked]');
      }),
      { numRuns: 60 },
    );
  });

  test('is one of fifty, all in every form in one output', async () => {
    const forms = fiftySecrets.flatMap(secret => readable(secret));
    const output = bytes(forms.map((form, index) => `${index}: ${form},`).join('\n'));
    await fc.assert(
      fc.asyncProperty(fc.array(fc.nat(output.length), { maxLength: 30 }), async positions => {
        const lines = await linesOf(fiftySecrets, ...pieces(output, positions));
        expect(lines).toEqual(forms.map((_form, index) => `${index}: [masked],`));
      }),
      { numRuns: 5 },
    );
  });

  test('is found with colours and with what is not seen between its characters', async () => {
    const between = fc.array(
      fc.constantFrom(
        '',
        '',
        '\u001b[31m',
        '\u001b[0m',
        '\u200b',
        '\u0000',
        '\u202e',
        '\u001b[2K',
        '\r',
        '\ufe0f',
        '\u{e0041}',
      ),
      { minLength: 12, maxLength: 12 },
    );
    await fc.assert(
      fc.asyncProperty(between, cuts, async (fillers, positions) => {
        const written = [...'correct-horse'].map((char, index) => `${char}${fillers[index] ?? ''}`).join('');
        const lines = await linesOf(['correct-horse'], ...pieces(bytes(`a ${written} b\n`), positions));
        expect(lines.map(colourless)).toEqual(['a [masked] b']);
        const colours = fillers.filter(filler => filler.endsWith('m')).join('');
        expect(
          lines
            .join('')
            .match(/\u001b\[\d+m/g)
            ?.join('') ?? '',
        ).toBe(colours);
      }),
    );
  });

  test('is found when it holds a colour itself', async () => {
    const secret = 'one\u001b[31mtwo\u001b[0mthree';
    const output = `${secret} ${JSON.stringify(secret)} ${Buffer.from(secret).toString('base64')}`;
    expect((await linesOf([secret], bytes(output))).map(colourless)).toEqual(['[masked] "[masked]" [masked]']);
  });

  test('is found in both forms of one letter', async () => {
    const secret = 'Za\u0308hler-1';
    expect(await linesOf([secret], bytes(`${secret} ${secret.normalize('NFC')}`))).toEqual(['[masked] [masked]']);
  });

  test('is masked once with what it overlaps', async () => {
    expect(await linesOf(['abcdefgh', 'efghijkl', 'ijklmnop'], bytes('-abcdefghijklmnop-'))).toEqual(['-[masked]-']);
  });

  test('is masked from the moment on at which it is told', () => {
    const masker = newMasker();
    const { write, end } = masker.stream();
    expect(write('late-secret\n')).toBe('late-secret\n');
    masker.hide('late-secret');
    expect(write('late-secret\n') + end()).toBe('[masked]\n');
  });

  test('is left where it is too short, or the mask itself', async () => {
    expect(await linesOf(['a', 'true', 'short', 'masked'], bytes('a true short masked'))).toEqual([
      'a true short masked',
    ]);
  });

  test('that is long is masked as a whole, in every form', async () => {
    const secret = Array.from({ length: 3000 }, (_, index) => (index * 31).toString(36)).join('+');
    const output = [secret, Buffer.from(secret).toString('base64'), encodeURIComponent(secret)].join(' | ');
    expect(await linesOf([secret], bytes(output))).toEqual(['[masked] | [masked] | [masked]']);
  });

  test('that is longer still is masked as Terraform writes it, within a moment', async () => {
    const secret = Array.from({ length: 100_000 }, (_, index) => `${(index * 31).toString(36)}"<`).join('+');
    const start = performance.now();
    const json = JSON.stringify(secret).slice(1, -1);
    const output = [secret, Buffer.from(secret).toString('base64'), json, json.replaceAll('<', '\\u003c')];
    expect(await linesOf([secret], bytes(output.join('\n')))).toEqual(output.map(() => '[masked]'));
    expect(performance.now() - start).toBeLessThan(20_000);
  });

  test.each([64, 76])('is masked in base64 that is wrapped at %i columns', async columns => {
    const secret = Array.from({ length: 60 }, (_, index) => (index * 7919).toString(36)).join('.');
    const wrapped = (text: string) =>
      Buffer.from(text)
        .toString('base64')
        .replaceAll(new RegExp(`.{${columns}}`, 'g'), '$&\n');
    for (const text of [wrapped(secret), wrapped(`${secret}\n`)]) {
      const lines = await linesOf([secret], bytes(text));
      expect(lines.slice(0, -1)).toEqual(lines.slice(1).map(() => '[masked]'));
      // Of its last line, a group of four is too short to be told from other text.
      expect(lines.at(-1)).toMatch(/^(?:\[masked\])?.{0,8}$/);
    }
  });

  test('is one of thousands that begin alike, and is found within a moment', async () => {
    const secrets = Array.from({ length: 4000 }, (_, index) => `000000${String(index).padStart(20, '0')}`);
    const start = performance.now();
    const zeros = '0'.repeat(20);
    const lines = await linesOf(secrets, bytes(`${`${zeros}\n`.repeat(5000)}${secrets[17]}\n`));
    expect(lines).toEqual([...Array.from({ length: 5000 }, () => zeros), '[masked]']);
    expect(performance.now() - start).toBeLessThan(20_000);
  });

  test('is refused when it is one too many to be masked', () => {
    const masker = newMasker();
    const hideAll = () => {
      for (let index = 0; index < 40; index += 1) masker.hide(`${index}-${'0123456789abcdef'.repeat(64 * 1024)}`);
    };
    expect(hideAll).toThrow('more sensitive values than can be masked');
  });

  test('of many lines is masked line by line, indented and marked', async () => {
    const secret = 'first line of it\n  second line of it  \nx\nlast line of it\n';
    const output = '+ first line of it\n      + second line of it\n  x\n"first line of it\\n  second line of it  \\nx"';
    expect(await linesOf([secret], bytes(output))).toEqual([
      '+ [masked]',
      '      + [masked]',
      '  x',
      '"[masked]\\n  [masked]  \\nx"',
    ]);
  });

  test('that is JSON is masked in its parts too', async () => {
    const secret = JSON.stringify({ user: 'administrator', nested: [{ password: 'hunter2-hunter2', port: 5432 }] });
    expect(await linesOf([secret], bytes(`${secret} administrator hunter2-hunter2 5432 password`))).toEqual([
      '[masked] [masked] [masked] 5432 password',
    ]);
  });
});

describe('a line without an end', () => {
  const secret = 'needle-in-a-haystack';

  test('hides a secret at every place, the places included where it is cut', async () => {
    for (const at of [16_370, 16_384, 32_740, 32_760, 32_768, 49_140, 65_530, 81_910]) {
      const text = `${'.'.repeat(at)}${secret}${'.'.repeat(50_000)}`;
      const lines = await linesOf([secret], bytes(text));
      expect(lines.join('')).toBe(`${'.'.repeat(at)}[masked]${'.'.repeat(50_000)}`);
      expect(Math.max(...lines.map(line => line.length))).toBeLessThanOrEqual(32_768);
    }
  });

  test('is the same however it comes', async () => {
    const unit = fc.constantFrom(
      secret,
      'needle-',
      '\u001b[31m',
      '\u001b[3',
      'x'.repeat(5000),
      '🚀',
      '\n',
      'section_start:',
    );
    const key = '-----BEGIN PRIVATE KEY-----';
    const text = fc.array(fc.oneof({ weight: 12, arbitrary: unit }, fc.constant(key)), { maxLength: 40 });
    await fc.assert(
      fc.asyncProperty(text, fc.array(fc.nat(200_000), { maxLength: 8 }), async (parts, positions) => {
        const whole = bytes(parts.join(''));
        const lines = await linesOf([secret], ...pieces(whole, positions));
        expect(lines).toEqual(await linesOf([secret], whole));
        expect(colourless(lines.join(''))).not.toContain(secret);
      }),
      { numRuns: 60 },
    );
  });

  test('that is one secret after the other is one mask', async () => {
    expect(await linesOf([secret], bytes(secret.repeat(20_000)))).toEqual(['[masked]']);
  });
});

test('masking what is masked changes nothing', () => {
  const masker = newMasker();
  for (const secret of fiftySecrets) masker.hide(secret);
  fc.assert(
    fc.property(fc.array(fc.oneof(fc.constantFrom(...fiftySecrets), fc.string()), { maxLength: 8 }), parts => {
      const once = masker.masked(parts.join(' '));
      expect(masker.masked(once)).toBe(once);
    }),
  );
});
