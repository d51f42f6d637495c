/** What must not be there after a run: processes that carry its id, and files below the work directory. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** Command lines of live processes of any run of this data directory. */
export const leftProcesses = (dataDir: string): string[] =>
  commandLines(environment => environment.includes('INFRA_DEPLOYER_RUN=') && environment.includes(dataDir));

/** Of every process of this machine whose environment is such. */
export function commandLines(is: (environment: string) => boolean = () => true): string[] {
  return readdirSync('/proc')
    .filter(name => /^\d+$/.test(name))
    .flatMap(pid => {
      const commandLine = read(`/proc/${pid}/cmdline`).replaceAll('\0', ' ');
      return is(read(`/proc/${pid}/environ`)) && commandLine !== '' ? [commandLine] : [];
    });
}

export const leftFiles = (dataDir: string): string[] => readdirSync(join(dataDir, 'work'));

function read(file: string): string {
  try {
    return readFileSync(file, 'latin1');
  } catch {
    return '';
  }
}
