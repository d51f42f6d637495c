/** The rule of the house: which rooms and packages each room may import. */
import { posix } from 'node:path';

interface Room {
  readonly rooms: readonly string[];
  /** Packages and node modules; absent: any package that is a dependency at run time, and all of Node. */
  readonly packages?: readonly string[];
}

const house: Readonly<Record<string, Room>> = {
  policies: { rooms: [], packages: ['typebox', 'yaml', 'node:crypto'] },
  invoker: { rooms: ['policies'] },
  'task-image': { rooms: ['policies'] },
  'deployer-cli': { rooms: ['policies', 'task-image/hcl'] },
};

export const roomNames: readonly string[] = Object.keys(house);

export interface SourceFile {
  /** Relative to the top of the repository, with forward slashes. */
  readonly path: string;
  readonly text: string;
}

/** One line per import that the house does not allow. `dependencies` are the packages that exist at run time. */
export function roomProblems(files: readonly SourceFile[], dependencies: readonly string[]): readonly string[] {
  return files.flatMap(file => {
    const name = file.path.split('/')[0] ?? '';
    const room = house[name];
    if (room === undefined) return [];
    const isAllowed = (specifier: string) =>
      specifier.startsWith('.')
        ? isInside(posix.join(posix.dirname(file.path), specifier), [name, ...room.rooms])
        : isPackageAllowed(specifier, room, dependencies);
    return importsOf(file.text)
      .filter(specifier => !isAllowed(specifier))
      .map(specifier => `${file.path} imports \`${specifier}\`, which ${name}/ may not`);
  });
}

/** `import … from`, `export … from`, `import 'x'` and `import('x')`, types included: a type is a dependency too. */
function importsOf(text: string): string[] {
  const pattern = /(?:^|[\s;}])(?:from|import\s*\(?)\s*(['"])([^'"\n]+)\1/g;
  return [...text.matchAll(pattern)].map(match => match[2] ?? '');
}

function isPackageAllowed(specifier: string, { packages }: Room, dependencies: readonly string[]): boolean {
  if (packages === undefined) return specifier.startsWith('node:') || isInside(specifier, dependencies);
  return isInside(specifier, packages);
}

const isInside = (path: string, places: readonly string[]) =>
  places.some(place => path === place || path.startsWith(`${place}/`));
