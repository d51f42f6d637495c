import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { printable } from '../../policies/printable.ts';
import { newMasker } from '../../task-image/masking/masker.ts';
import { lineSplitter } from '../../task-image/output.ts';
import { linesOf } from './lines-of.ts';

/**
 * What Terraform 1.11.4 and OpenTofu 1.10.6 have printed of `stack.txt`, with colours, in order: init, plan and apply, the
 * same of a changed stack, a plan to destroy it, and a plan that fails.
 */
const outputs = ['terraform', 'tofu'].map(
  tool => [tool, readFileSync(join(import.meta.dirname, 'ordinary-output', `${tool}.txt`))] as const,
);
const secrets = Array.from({ length: 50 }, (_, index) => `s3cret/${index}+${(index * 7919 + 104_729).toString(36)}&"`);

test.each(outputs)('what %s usually prints is shown as it is, colours and all', async (_tool, output) => {
  const lines = output.toString('utf8').split('\n').slice(0, -1);
  expect(await linesOf(secrets, output)).toEqual(lines);
  // The door and the CLI do it again.
  expect(lines.map(printable)).toEqual(lines);
});

test('an output without a line end takes no memory, however long it is', async () => {
  const chunk = Buffer.alloc(64 * 1024, 'no end ');
  const { longest, characters, grownBy } = await passed(chunk, 1600);
  expect(characters).toBe(1600 * chunk.length);
  expect(longest).toBeLessThanOrEqual(32 * 1024);
  expect(grownBy).toBeLessThan(80_000_000);
}, 60_000);

async function passed(chunk: Uint8Array, times: number) {
  let longest = 0;
  let characters = 0;
  let grownBy = 0;
  const masker = newMasker();
  for (const secret of secrets) masker.hide(secret);
  const splitter = lineSplitter(masker.stream(), text => {
    longest = Math.max(longest, text.length);
    characters += text.length;
  });
  const before = process.memoryUsage().rss;
  for (let time = 0; time < times; time += 1) {
    await splitter.write(chunk);
    grownBy = Math.max(grownBy, process.memoryUsage().rss - before);
  }
  await splitter.end();
  return { longest, characters, grownBy };
}
