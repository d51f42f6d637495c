/** Finds what is left of a run on this machine: every process that carries the run's id in its environment. */
import { readdirSync, readFileSync } from 'node:fs';

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
  const marker = `${runVariable}=${runId}\u0000`;
  return pids().flatMap(pid => {
    const environment = read(`/proc/${pid}/environ`);
    // A process that has ended but was not waited for has an empty environment: it is gone.
    if (!`\u0000${environment}`.includes(`\u0000${marker}`)) return [];
    const isWorker = environment.includes('INFRA_DEPLOYER_TICKET=');
    return [{ pid, isWorker, isWrapper: /^(?:bwrap|terragrunt)/.test(read(`/proc/${pid}/comm`)) }];
  });
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
