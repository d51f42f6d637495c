/** What a worker's parts get from the run around them: directories, git, a control channel that only records. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { nobodyInParticular } from '../../policies/contract/identity.ts';
import { type CanonicalPath, canonicalPath } from '../../policies/path.ts';
import type { Control, StopReason } from '../../task-image/control.ts';
import { type Git, type GitParts, newRepository } from '../../task-image/git.ts';
import { findIsolation } from '../../task-image/isolation.ts';
import { newMasker } from '../../task-image/masking/masker.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { value } from '../support/value.ts';

/** The strongest that this machine has. */
export const isolation = await findIsolation(process.env.PATH ?? '/usr/bin:/bin', undefined);

export const runId = 'r_aaaabbbbccccddddeeeeffff22';

export const pathOf = (text: string): CanonicalPath => value(canonicalPath(text));

/** A directory as the launcher makes it for one run, with the empty home in it. */
export function runDirectory(): string {
  const directory = temporaryDirectory('run');
  mkdirSync(join(directory, 'h'), { mode: 0o700 });
  return directory;
}

export const gitParts = (url: string, differences: Partial<GitParts> = {}): GitParts => ({
  url,
  path: process.env.PATH ?? '/usr/bin:/bin',
  home: join(runDirectory(), 'h'),
  runId,
  stop: new AbortController().signal,
  ...differences,
});

/** A fresh clone that has nothing yet, and its directory. */
export function cloneOf(url: string, differences: Partial<GitParts> = {}): { git: Git; directory: string } {
  const directory = join(temporaryDirectory('clone'), 'c');
  return { git: newRepository(directory, gitParts(url, differences)), directory };
}

/** Takes lines and knows when to stop; nobody is at the other end. */
export function silentControl(): Control & { readonly lines: string[] } {
  const stop = new AbortController();
  const lines: string[] = [];
  return {
    claimed: {
      token: '',
      run: runId,
      command: 'plan',
      mode: 'normal',
      request: { command: 'plan', path: 'prod/vpc', ref: 'main' },
      repoName: 'infra-live',
      policy: {},
      asker: nobodyInParticular,
      leaseMs: 15_000,
      heartbeatMs: 1000,
      deadlineMs: 60_000,
      graceMs: 10_000,
    },
    keySession: () => undefined,
    dropKeySession: () => {},
    masker: newMasker(),
    graceMs: () => 10_000,
    stop: stop.signal,
    halt: (reason: StopReason) => stop.abort(reason),
    lines,
    line: async ({ text }) => void lines.push(text),
    phase: async () => {},
    source: async () => ({ keepPlan: false }),
    grantPlan: async () => '',
    grantProviders: async () => ({}),
    credentials: async () => ({}),
    grantErroredState: async () => undefined,
    finish: async () => {},
  };
}

/** The problem a part fails with; fails itself when there is none. */
export async function problemFrom(work: () => unknown): Promise<{ code: string; message: string; fix?: string }> {
  try {
    await work();
  } catch (error) {
    if (error instanceof Error && 'problem' in error) return error.problem as { code: string; message: string };
    throw error;
  }
  throw new Error('it did not fail');
}
