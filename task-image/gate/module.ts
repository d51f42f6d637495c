/** One directory of configuration as the rules see it: its files taken apart, and what else they may look at. */
import type { Repository, StackSettings } from '../../policies/allowlist.ts';
import { type Block, blocks } from '../hcl/document.ts';
import type { Finding } from './finding.ts';

export interface ConfigurationFile {
  /** From the repository's root, or from where downloaded modules lie. */
  readonly file: string;
  /** The block that holds all others. */
  readonly root: Block;
}

export interface Module {
  readonly directory: string;
  readonly files: readonly ConfigurationFile[];
  /** The stack itself, and not a module of it. */
  readonly isRoot: boolean;
  /** What `init` reads of its tests, if it is a root. */
  readonly tests: readonly ConfigurationFile[];
  /** What gives values to its variables, if it is a root. */
  readonly values: readonly ConfigurationFile[];
  /** The names of the files in a directory that is counted from where `directory` is. */
  readonly names: (directory: string) => readonly string[];
  /** A file below the root that `directory` is counted from, undefined where there is none. */
  readonly text: (path: string) => string | undefined;
}

/** What the rules hold a module against. */
export interface Wanted {
  readonly repository: Repository;
  readonly settings: StackSettings;
  readonly stack: string;
}

export type Rule = (module: Module, wanted: Wanted) => Finding[];

/** Blocks that name something of a provider by their first label, also where they lie in a `check`. */
export const typedBlocks = (root: Block): Block[] => [
  ...['resource', 'data', 'ephemeral', 'action', 'list'].flatMap(type => blocks(root, type, 2)),
  ...blocks(root, 'check', 1).flatMap(check => blocks(check, 'data', 2)),
];

/** `path` from `directory`, as a path from the root; undefined where it leads out of it. */
export function joinPath(directory: string, path: string): string | undefined {
  const parts = directory === '' ? [] : directory.split('/');
  for (const part of path.split('/')) {
    if (part === '' || part === '.') continue;
    if (part !== '..') parts.push(part);
    else if (parts.pop() === undefined) return undefined;
  }
  return parts.join('/');
}
