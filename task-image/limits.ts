/** What a run may use, and the sentence for one that uses more. */
import type { StackSettings } from '../policies/allowlist.ts';
import type { Problem } from '../policies/contract/error.ts';

export type Limits = Pick<StackSettings, 'memoryMb' | 'processes' | 'diskMb' | 'outputMb'>;

/** What is not measured at this moment is left out. */
export interface Usage {
  readonly memoryBytes?: number;
  readonly processes?: number;
  readonly threads?: number;
  readonly diskBytes?: number;
  /** Why what it has written cannot be counted. */
  readonly uncounted?: 'too many files' | 'hidden files' | 'hidden processes';
  readonly outputBytes?: number;
}

export const megabyte = 1024 * 1024;
/** Far more than an honest run has, and still counted in seconds. */
export const mostFiles = 200_000;
/** What Terraform and its providers have on an ordinary machine; a process that does more must make do with fewer of them. */
const threadsPerProcess = 16;

export function overLimit(usage: Usage, limits: Limits): Problem | undefined {
  const { memoryBytes = 0, processes = 0, threads = 0, diskBytes = 0, outputBytes = 0, uncounted } = usage;
  if (memoryBytes > limits.memoryMb * megabyte)
    return over(`took more than ${limits.memoryMb} MiB of memory`, 'memory_mb');
  if (processes > limits.processes) return over(`had more than ${limits.processes} processes`, 'processes');
  const mostThreads = limits.processes * threadsPerProcess;
  if (threads > mostThreads) return over(`had more than ${mostThreads} threads`, 'processes');
  if (diskBytes > limits.diskMb * megabyte) return over(`wrote more than ${limits.diskMb} MiB to disk`, 'disk_mb');
  if (uncounted === 'too many files')
    return over(`has more than ${mostFiles.toLocaleString('en')} files and directories`);
  if (uncounted === 'hidden files') return over('has directories that nobody can look into');
  if (uncounted === 'hidden processes') return over('has processes that nobody can look into');
  if (outputBytes > limits.outputMb * megabyte) return over(`printed more than ${limits.outputMb} MiB`, 'output_mb');
  return undefined;
}

const over = (what: string, key?: string): Problem => ({
  code: 'E_LIMIT',
  message: `the run ${what}`,
  fix: `make the stack need less${key === undefined ? '' : `, or have an admin raise \`limits.${key}\` for this path`}`,
});
