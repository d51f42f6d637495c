/** A started program and everything it has started since, whatever process groups these have made for themselves. */
import { readdirSync, readFileSync } from 'node:fs';

/** Kills them all, as the end of a sandbox does. */
export function killTree(pid: number): void {
  for (const process of [...descendants(pid), pid]) kill(process);
}

function descendants(pid: number): number[] {
  const children = readdirSync('/proc')
    .filter(name => /^\d+$/.test(name))
    .map(Number)
    .filter(child => parentOf(child) === pid);
  return children.flatMap(child => [child, ...descendants(child)]);
}

function parentOf(pid: number): number | undefined {
  try {
    // `pid (name) state parent …`, and a name may hold anything.
    return Number(
      readFileSync(`/proc/${pid}/stat`, 'utf8')
        .replace(/^.*\) . /s, '')
        .split(' ')[0],
    );
  } catch {
    // It has just ended.
    return undefined;
  }
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It has just ended.
  }
}
