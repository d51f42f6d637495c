/** What runs on this machine at this moment. */
import { readdirSync, readFileSync } from 'node:fs';

/** Command lines with these words in them. */
export const commandLines = (words: string): string[] =>
  readdirSync('/proc')
    .filter(name => /^\d+$/.test(name))
    .map(commandLine)
    .filter(line => line.includes(words));

function commandLine(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'latin1').replaceAll('\0', ' ');
  } catch {
    // It has just ended.
    return '';
  }
}
