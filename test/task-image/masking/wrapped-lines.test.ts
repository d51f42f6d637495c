import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { linesOf, pieces } from '../lines-of.ts';

const passphrase = 'correct horse  battery staple\twhiskey';
const shown = (secret: string, text: string, ...cuts: number[]) =>
  linesOf([secret], ...pieces(Buffer.from(text), cuts));

describe('a value that a tool has wrapped', () => {
  test('is masked in all its lines, in the box of a diagnostic', async () => {
    const red = (text: string) => `\u001b[31m${text}\u001b[0m`;
    const text = `${red('│')} ${red('cannot parse "correct horse')}\n${red('│')} ${red('battery staple whiskey" as')}\n`;
    expect(await shown(passphrase, text)).toEqual([
      `${red('│')} ${red('cannot parse "[masked]')}`,
      `${red('│')} ${red('[masked]" as')}`,
    ]);
  });

  test('is masked at whichever spaces it is wrapped, and however it comes', async () => {
    const word = fc.string({ unit: fc.constantFrom(...'abc"\\é&.7'), minLength: 1, maxLength: 9 });
    const secrets = fc.array(word, { minLength: 3, maxLength: 8 }).map(words => ['Kq7#first', ...words, 'l#9last']);
    const breaks = fc.array(fc.constantFrom(' ', '\n│ ', '  \n\t', '\n'), { minLength: 10, maxLength: 10 });
    await fc.assert(
      fc.asyncProperty(secrets, breaks, fc.array(fc.nat(200), { maxLength: 6 }), async (words, between, cuts) => {
        const text = words.map((one, index) => `${index === 0 ? '' : between[index]}${one}`).join('');
        const lines = await shown(words.join(' '), `before "${text}" after\n`, ...cuts);
        const left = lines.join('').replaceAll(/[│\s]|\[masked\]/g, '');
        expect(left).toBe('before""after');
      }),
    );
  });

  test('is masked where its words are escaped', async () => {
    const text = '│ got "a \\"quoted\\" word and\n│ another" instead\n';
    expect(await shown('a "quoted" word and another', text)).toEqual(['│ got "[masked]', '│ [masked]" instead']);
  });

  test('is masked on its second line where the first says too little to be masked', async () => {
    expect(await shown('it is a long sentence', 'so it is\nmore\nwhat it\nis a long sentence.\n')).toEqual([
      'so it is',
      'more',
      'what it',
      '[masked].',
    ]);
  });

  test('leaves other lines as they are, that begin or go on like it', async () => {
    const text = 'a correct horse is\nthe horse\nbattery staple whiskey\n\nhorse battery\n';
    expect(await shown(passphrase, text)).toEqual(text.split('\n').slice(0, -1));
  });

  test('costs no more than a moment, however often its words are the same', async () => {
    const again = (count: number) => 'again '.repeat(count);
    const start = performance.now();
    const lines = await shown(`${again(5000)}end`, `${again(5000)}\n`.repeat(20));
    expect(lines).toHaveLength(20);
    expect(performance.now() - start).toBeLessThan(10_000);
  });
});
