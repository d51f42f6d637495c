/** Finds what is left of a run on this machine: processes that carry the run's id in their environment, and all they started. */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

/** The variable that a worker gets and hands on to everything it starts. */
export const runVariable = 'INFRA_DEPLOYER_RUN';

export interface RunProcess {
  readonly pid: number;
  /** The worker itself, which stops Terraform gently when it is asked to stop. */
  readonly isWorker: boolean;
  /** Only waits for Terraform, and hands an interrupt on to it that Terraform may have got already. */
  readonly isWrapper: boolean;
}

/** Where there is no /proc, nothing is found: there only workers that this server started are known. */
export function runProcesses(runId: string): RunProcess[] {
  const all = pids();
  const children = Map.groupBy(all, parentOf);
  const found = new Map<number, RunProcess>();
  const add = (pid: number, isWorker: boolean): void => {
    if (!found.has(pid)) found.set(pid, { pid, isWorker, isWrapper: isWrapper(pid) });
  };
  const namespace = namespaceOf('self');
  for (const pid of all) {
    // What a process in a sandbox says of itself is a claim: there the descent from one out here counts alone.
    if (namespaceOf(pid) !== namespace) continue;
    const environment = `\u0000${read(`/proc/${pid}/environ`)}`;
    // A process that has ended but was not waited for has an empty environment: it is gone.
    if (environment.includes(`\u0000${runVariable}=${runId}\u0000`))
      add(pid, environment.includes('\u0000INFRA_DEPLOYER_TICKET='));
  }
  // A map hands on what is added meanwhile.
  for (const parent of found.keys()) for (const child of children.get(parent) ?? []) add(child, false);
  return [...found.values()];
}

const isWrapper = (pid: number): boolean => /^(?:bwrap|terragrunt)/.test(read(`/proc/${pid}/comm`));

function namespaceOf(pid: number | 'self'): string | undefined {
  try {
    return readlinkSync(`/proc/${pid}/ns/pid`);
  } catch {
    return undefined;
  }
}

/** The name before it, in parentheses, may hold anything. */
function parentOf(pid: number): number {
  const stat = read(`/proc/${pid}/stat`);
  return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]);
}

function pids(): number[] {
  try {
    return readdirSync('/proc').map(Number).filter(Number.isInteger);
  } catch {
    return [];
  }
}

function read(file: string): string {
  try {
    return readFileSync(file, 'latin1');
  } catch {
    return '';
  }
}
