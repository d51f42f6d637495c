/** How fast a tool's output becomes lines that may be shown, with fifty secrets to look for, beside lines that are only cut. */
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { newMasker } from '../../task-image/masking/masker.ts';
import { lineSplitter } from '../../task-image/output.ts';

const chunkBytes = 64 * 1024;
const totalBytes = 50_000_000;

/** MB/s, round by round; the first round of each warms up and is not counted. */
export async function outputSpeed(rounds: number): Promise<{ readonly plain: number[]; readonly masked: number[] }> {
  const ordinary = readFileSync(join(import.meta.dirname, '../task-image/ordinary-output/terraform.txt'));
  const output = Buffer.concat(Array.from({ length: Math.ceil(totalBytes / ordinary.length) }, () => ordinary));
  const chunks = Array.from({ length: Math.ceil(output.length / chunkBytes) }, (_, index) =>
    output.subarray(index * chunkBytes, (index + 1) * chunkBytes),
  );
  const speedOf = async (pass: () => Promise<void>): Promise<number> => {
    const start = performance.now();
    await pass();
    return output.length / 1000 / (performance.now() - start);
  };
  const plain: number[] = [];
  const masked: number[] = [];
  for (let round = 0; round <= rounds; round += 1) {
    const [one, other] = [await speedOf(() => cutOnly(chunks)), await speedOf(() => cleanedAndMasked(chunks))];
    if (round === 0) continue;
    plain.push(one);
    masked.push(other);
  }
  return { plain, masked };
}

async function cutOnly(chunks: readonly Uint8Array[]): Promise<void> {
  const decoder = new TextDecoder();
  let rest = '';
  for (const chunk of chunks) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) take(line);
  }
}

async function cleanedAndMasked(chunks: readonly Uint8Array[]): Promise<void> {
  const masker = newMasker();
  for (let count = 0; count < 50; count += 1) masker.hide(`${randomBytes(18).toString('base64')}&"${count}`);
  const { write, end } = lineSplitter(masker.stream(), take);
  for (const chunk of chunks) await write(chunk);
  await end();
}

const take = (_line: string): void => {};
