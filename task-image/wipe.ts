/** Ends and removes what a run has left in an environment that the worker has to itself. */
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';

/**
 * Throws when something stays. The first thing that planned code which outlives its run would do is ask Lambda for the next
 * event in place of the worker, and have another run's ticket.
 */
export function wipe(directory: string): void {
  // Lambda runs nothing as root; elsewhere "every process" would be the machine's.
  if (process.getuid?.() === 0) throw new Error('a worker that wipes must not be root');
  endAllOthers();
  empty(directory);
}

/** At once and for all of them (kill(2)): none can fork meanwhile. Process 1 is Lambda's own and is spared. */
function endAllOthers(): void {
  try {
    process.kill(-1, 'SIGKILL');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

/**
 * With programs that mind neither names that are no text nor depths that no path can name, and after making directories
 * passable: one that its owner has closed would keep every later run out of this environment.
 */
export function empty(directory: string): void {
  if (isEmpty(directory)) return;
  for (const argv of [
    ['chmod', '-R', 'u+rwX', '.'],
    ['find', '.', '-mindepth', '1', '-delete'],
  ]) {
    const [file = '', ...args] = argv;
    spawnSync(file, args, { cwd: directory, env: { PATH: '/usr/bin:/bin' }, stdio: 'ignore' });
  }
  if (!isEmpty(directory)) throw new Error(`\`${directory}\` cannot be emptied`);
}

const isEmpty = (directory: string): boolean => readdirSync(directory, { encoding: 'buffer' }).length === 0;
