/** Entry point of the process that reads HCL: one request a line on standard input, one answer a line on standard output. */
import { createInterface } from 'node:readline';
import { loadParser } from './parser.ts';
import { readText } from './read-text.ts';
import type { AskedFile } from './reader.ts';

const parse = await loadParser();
for await (const line of createInterface({ input: process.stdin })) {
  const { content, syntax } = JSON.parse(line) as AskedFile;
  process.stdout.write(`${JSON.stringify(await readText(Buffer.from(content, 'base64'), syntax, parse))}\n`);
}
process.exit(0);
