/** What must not be there after a run: processes that carry its id, and files below the work directory. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** Command lines of live processes of any run of this data directory. */
export function leftProcesses(dataDir: string): string[] {
  return readdirSync('/proc')
    .filter(name => /^\d+$/.test(name))
    .flatMap(pid => {
      const environment = read(`/proc/${pid}/environ`);
      const commandLine = read(`/proc/${pid}/cmdline`).replaceAll('\0', ' ');
      const ofRun = environment.includes('INFRA_DEPLOYER_RUN=') && environment.includes(dataDir);
      return ofRun && commandLine !== '' ? [commandLine] : [];
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
