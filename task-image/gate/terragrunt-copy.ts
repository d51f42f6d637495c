/** What Terraform will find where Terragrunt copies a source and lays the stack over it, before it has done so. */
import type { Disk } from './disk.ts';
import { joinPath } from './module.ts';

/** What is copied, and the directory in it that the stack is laid over. */
export interface CopiedSource {
  readonly root: string;
  readonly directory: string;
}

/** A source in the repository, counted from `from`: only what stands before the two slashes is copied. */
export function copiedSource(source: string, from: string): CopiedSource | undefined {
  const [, before = '', directory = ''] = /^(.*?)(?:\/\/(.*))?$/s.exec(source) ?? [];
  const [root, inside] = [joinPath(from, before), joinPath('', directory)];
  return root === undefined || inside === undefined ? undefined : { root, directory: inside };
}

/** The copy as a disk, by paths from its own root. */
export function copyOf(disk: Disk, { root, directory }: CopiedSource, stack: string): Disk {
  const below = (path: string): string => joinPath(root, path) ?? '';
  const over = (path: string): string | undefined => {
    if (path === directory) return stack;
    const start = directory === '' ? '' : `${directory}/`;
    return path.startsWith(start) ? `${stack}/${path.slice(start.length)}` : undefined;
  };
  return {
    files: path => {
      const above = over(path);
      const lists = [disk.files(below(path)), above === undefined ? undefined : disk.files(above)];
      return lists.every(list => list === undefined) ? undefined : [...new Set(lists.flatMap(list => list ?? []))];
    },
    bytes: path => {
      const above = over(path);
      return (above === undefined ? undefined : disk.bytes(above)) ?? disk.bytes(below(path));
    },
  };
}
