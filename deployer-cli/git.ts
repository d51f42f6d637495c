/** Reads what the working copy says about the work in it: branch, upstream, and what is not pushed. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import type { Env } from './invocation.ts';

export interface GitFacts {
  /** The current directory below the root of the working copy, without slash at the end. */
  readonly prefix: string;
  readonly head?: string;
  /** Absent when HEAD is on no branch. */
  readonly branch?: string;
  /** The full name that the current branch has in the repository it is pushed to. */
  readonly upstream?: string;
  readonly uncommitted: readonly string[];
  /** Abbreviated id and subject of each commit the upstream does not have. */
  readonly unpushed: readonly string[];
}

/** Nothing when `cwd` is not in a working copy, or there is no git. */
export async function readGit(cwd: string, env: Env): Promise<GitFacts | undefined> {
  const git = (...args: string[]) => run(cwd, env, args);
  const prefix = await git('rev-parse', '--show-prefix');
  const status = await git('status', '--porcelain=v2', '--branch', '-z');
  if (prefix === undefined || status === undefined) return undefined;
  const { head, branch, hasUpstream, uncommitted } = parseStatus(status);
  const [remote, upstream] =
    (branch && hasUpstream
      ? await git('for-each-ref', '--format=%(upstream:remotename)%00%(upstream:remoteref)', `refs/heads/${branch}`)
      : ''
    )
      ?.trim()
      .split('\0') ?? [];
  // A branch that follows a local one (remote `.`) is not pushed anywhere by that.
  const isRemote = remote !== undefined && remote !== '' && remote !== '.';
  const log = isRemote ? await git('log', '-z', '--format=%h %s', '--max-count=20', '@{upstream}..HEAD') : '';
  return {
    prefix: prefix.trimEnd().replace(/\/$/, ''),
    ...(head === undefined ? {} : { head }),
    ...(branch === undefined ? {} : { branch }),
    ...(isRemote && upstream ? { upstream } : {}),
    uncommitted,
    unpushed: (log ?? '').split('\0').filter(line => line !== ''),
  };
}

/** The token and whatever else CI put into the environment is none of git's business. */
async function run(cwd: string, { PATH, HOME, XDG_CONFIG_HOME }: Env, args: string[]): Promise<string | undefined> {
  try {
    const { stdout } = await promisify(execFile)('git', args, {
      cwd,
      env: { PATH, HOME, XDG_CONFIG_HOME, LC_ALL: 'C', GIT_OPTIONAL_LOCKS: '0' },
      timeout: 30_000,
      maxBuffer: 64 * 1024 * 1024,
    });
    return stdout;
  } catch {
    return undefined;
  }
}

/** Format: git-status(1), "Porcelain Format Version 2". */
export function parseStatus(text: string) {
  let head: string | undefined;
  let branch: string | undefined;
  let hasUpstream = false;
  const uncommitted: string[] = [];
  const entries = text.split('\0');
  for (let at = 0; at < entries.length; at++) {
    const entry = entries[at] ?? '';
    const fields = entry.split(' ');
    const [kind, key] = fields;
    if (kind === '#' && key === 'branch.oid' && fields[2] !== '(initial)') head = fields[2];
    if (kind === '#' && key === 'branch.head' && fields[2] !== '(detached)') branch = fields[2];
    // Without this line the upstream is set but gone.
    if (kind === '#' && key === 'branch.ab') hasUpstream = true;
    const before = kind === undefined ? undefined : fieldsBeforePath.get(kind);
    if (before !== undefined) uncommitted.push(fields.slice(before).join(' '));
    // A rename is followed by an entry with the old name.
    if (kind === '2') at++;
  }
  return { head, branch, hasUpstream, uncommitted };
}

const fieldsBeforePath: ReadonlyMap<string, number> = new Map([
  ['1', 8],
  ['2', 9],
  ['u', 10],
  ['?', 1],
]);
