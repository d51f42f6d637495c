/** The gate: reads what a stack would have Terraform do before Terraform starts, and what was downloaded before it plans. */
import { join } from 'node:path';
import type { Repository, StackSettings } from '../../policies/allowlist.ts';
import type { CanonicalPath } from '../../policies/path.ts';
import type { HclReader } from '../hcl/reader.ts';
import { terragruntCache } from '../working-directories.ts';
import { diskBelow } from './disk.ts';
import { readCopies, readDownloads } from './downloads.ts';
import { type Finding, sorted } from './finding.ts';
import { readLock, readStacks } from './stacks.ts';

export interface GateParts {
  /** The clone. */
  readonly root: string;
  readonly path: CanonicalPath;
  readonly repository: Repository;
  readonly settings: StackSettings;
  /** A reader for one reading, closed after it. */
  readonly openReader: () => HclReader;
}

/** Each answers with all that was found, by place. */
export interface Gate {
  /** The stack, before `init`. */
  readonly stack: () => Promise<Finding[]>;
  /** What `init` has fetched into the data directory, before anything of it runs. */
  readonly downloaded: (dataDir: string) => Promise<Finding[]>;
}

export function gate({ root, path, repository, settings, openReader }: GateParts): Gate {
  const read = new Set<string>();
  const reading = async (find: (reader: HclReader) => Promise<Finding[]>): Promise<Finding[]> => {
    const reader = openReader();
    try {
      return report(settings, await find(reader));
    } finally {
      reader.close();
    }
  };
  return {
    stack: () =>
      reading(reader => readStacks({ disk: diskBelow(root), reader, prefix: '' }, path, repository, settings, read)),
    downloaded: dataDir =>
      reading(async reader => {
        const wanted = { repository, settings, stack: path };
        const cwd = join(root, path);
        return [
          ...(await readDownloads(reader, { root, cwd, dataDir, read }, wanted)),
          ...(await readLock({ disk: diskBelow(root), reader, prefix: '' }, wanted)),
          ...(settings.binary === 'terragrunt' ? await readCopies(reader, terragruntCache(cwd), wanted) : []),
        ];
      }),
  };
}

function report({ gateAllow }: StackSettings, findings: readonly Finding[]): Finding[] {
  const allowed: ReadonlySet<string> = new Set(gateAllow);
  return sorted(findings.filter(({ rule }) => !allowed.has(rule)));
}
