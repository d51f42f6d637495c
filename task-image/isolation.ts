/** What keeps Terraform from what is the worker's: namespaces where they can be made, else another user, else nothing. */
import { once } from 'node:events';
import type { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { binaryFile } from './binary.ts';
import { sandboxArgv } from './sandbox.ts';
import { enclosed } from './start-tool.ts';

export type Isolation =
  | { readonly kind: 'namespace'; readonly bwrap: string }
  | ({ readonly kind: 'user' } & ToolUser)
  | { readonly kind: 'none'; readonly why: string };

export interface ToolUser {
  readonly uid: number;
  readonly gid: number;
}

/**
 * Tries what this machine can do. Where several runs share a machine it is asked once, before any of them: one that uses
 * up what namespaces need must not have the next one run without them.
 */
export async function findIsolation(path: string, user: ToolUser | undefined): Promise<Isolation> {
  try {
    const bwrap = bubblewrap(path);
    await tryOut(bwrap);
    return { kind: 'namespace', bwrap };
  } catch (error) {
    return user === undefined ? { kind: 'none', why: (error as Error).message } : { kind: 'user', ...user };
  }
}

/** What the launcher has found before, told by its name: if it is gone since, the run fails. */
export function isolationNamed(kind: string, path: string): Isolation {
  if (kind === 'namespace') return { kind, bwrap: bubblewrap(path) };
  if (kind === 'none') return { kind, why: 'the server found no way' };
  throw new Error(`no isolation is named ${kind}`);
}

const bubblewrap = (path: string): string => binaryFile('bwrap', path);

async function tryOut(bwrap: string): Promise<void> {
  const words = [...sandboxArgv({ readOnly: [], readWrite: [] }, '/'), '/bin/sh', '-c', ':'];
  const child = enclosed(bwrap, words, { env: {}, timeout: 10_000, stdio: ['ignore', 'ignore', 'pipe', 'pipe'] });
  const [said, [code]] = await Promise.all([text(child.stderr as Readable), once(child, 'exit')]);
  if (code !== 0) throw new Error(said.trim().split('\n').at(-1) || 'bwrap ended without a word');
}
