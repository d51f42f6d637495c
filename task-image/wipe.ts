/** Ends and removes what a run has left in an environment that the worker has to itself. */
import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';

/**
 * Throws when something stays. The first thing that planned code which outlives its run would do is ask Lambda for the next
 * event in place of the worker, and have another run's ticket.
 */
export function wipe(directory: string): void {
  // Lambda runs nothing as root; elsewhere "every process" would be the machine's.
  if (process.getuid?.() === 0) throw new Error('a worker that wipes must not be root');
  endAllOthers();
  for (const name of readdirSync(directory)) rmSync(join(directory, name), { recursive: true, force: true });
}

/** At once and for all of them (kill(2)): none can fork meanwhile. Process 1 is Lambda's own and is spared. */
function endAllOthers(): void {
  try {
    process.kill(-1, 'SIGKILL');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}
