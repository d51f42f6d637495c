/** Entry point of the process that reads HCL: one request a line on standard input, one answer a line on standard output. */
import { createInterface } from 'node:readline';
import { loadParser } from './parser.ts';
import { readText } from './read-text.ts';
import type { AskedFile } from './reader.ts';

const parse = await loadParser();
for await (const line of createInterface({ input: process.stdin })) {
  const { content, syntax } = JSON.parse(line) as AskedFile;
  process.stdout.write(`${oneLine(await readText(Buffer.from(content, 'base64'), syntax, parse))}\n`);
}
process.exit(0);

/** readline takes more for the end of a line than JSON escapes. */
function oneLine(value: unknown): string {
  return JSON.stringify(value).replaceAll('\u2028', '\\u2028').replaceAll('\u2029', '\\u2029');
}
