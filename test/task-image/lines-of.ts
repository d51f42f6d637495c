/** What a caller gets to read of a tool that writes these bytes in these pieces. */
import { newMasker } from '../../task-image/masking/masker.ts';
import { lineSplitter } from '../../task-image/output.ts';

export async function linesOf(secrets: readonly string[], ...chunks: readonly Uint8Array[]): Promise<string[]> {
  const lines: string[] = [];
  const masker = newMasker();
  for (const secret of secrets) masker.hide(secret);
  const splitter = lineSplitter(masker.stream(), text => void lines.push(text));
  for (const chunk of chunks) await splitter.write(chunk);
  await splitter.end();
  return lines;
}

/** The same bytes in pieces that end at these positions. */
export function pieces(whole: Uint8Array, positions: readonly number[]): Uint8Array[] {
  const ends = [...positions.filter(at => at < whole.length).sort((a, b) => a - b), whole.length];
  return ends.map((end, index) => whole.subarray(ends[index - 1] ?? 0, end));
}
