/** From a requested ref to one commit: exact full names, one candidate, and proof that the commit belongs to the ref. */
import type { AllowedRef } from '../policies/evaluate.ts';
import { Failure } from './failure.ts';
import type { Git } from './git.ts';

/** A name on the server and the commit it stands for; an annotated tag stands for the commit it names. */
export interface RemoteRef {
  readonly ref: string;
  readonly commit: string;
}

export interface Source {
  readonly ref: string;
  readonly commit: string;
  readonly tip: string;
}

/** What the server says of these full names, or of all branches and tags. One connection, no history. */
export async function remoteRefs(git: Git, names?: readonly string[]): Promise<RemoteRef[]> {
  const wanted =
    names === undefined ? ['--heads', '--tags', 'origin'] : ['origin', ...names.flatMap(name => [name, `${name}^{}`])];
  const listed = parseRefs(await git(['ls-remote', ...wanted]));
  // `ls-remote` matches the tail of a name: `refs/heads/x/refs/heads/main` answers to `refs/heads/main`.
  return names === undefined ? listed : listed.filter(({ ref }) => names.includes(ref));
}

export function parseRefs(text: string): RemoteRef[] {
  const commits = new Map<string, string>();
  for (const line of text.split('\n')) {
    const match = /^([0-9a-f]{40})\t(\S+)$/.exec(line);
    if (match?.[1] === undefined || match[2] === undefined) continue;
    // The peeled line of an annotated tag follows its own.
    commits.set(match[2].replace(/\^\{\}$/, ''), match[1]);
  }
  return [...commits].map(([ref, commit]) => ({ ref, commit }));
}

/** The one existing ref of those that policy leaves. */
export function chooseRef(
  requested: string,
  allowed: readonly AllowedRef[],
  existing: readonly RemoteRef[],
): RemoteRef {
  const found = existing.filter(({ ref }) => allowed.some(candidate => candidate.ref === ref));
  const [only, other] = found;
  if (only === undefined)
    throw new Failure(
      'E_REF_NOT_FOUND',
      `there is no ${allowed.map(({ ref }) => `\`${ref}\``).join(' and no ')} in the repository`,
      'push it, or name another ref',
    );
  if (other !== undefined)
    throw new Failure(
      'E_REF_AMBIGUOUS',
      `\`${requested}\` is a branch and a tag`,
      `use the full name: \`${only.ref}\` or \`${other.ref}\``,
    );
  return only;
}

/**
 * Proves that the commit is the tip or an ancestor of one of these refs, and answers which. Fetches commits only; a
 * stranger is never fetched, since nothing here is promised by the server (`repository` has no promisor left).
 */
export async function proveAncestry(
  repository: () => Git,
  commit: string,
  refs: readonly RemoteRef[],
): Promise<RemoteRef> {
  const tip = refs.find(ref => ref.commit === commit);
  if (tip) return tip;
  const stranger = new Failure(
    'E_COMMIT_NOT_REACHABLE',
    `commit ${commit.slice(0, 12)} is not part of a ref that may be used`,
    'name a commit of an allowed branch or tag',
  );
  if (refs.length === 0) throw stranger;
  const git = repository();
  const fetched = refs.map(({ ref }, index) => `+${ref}:refs/allowed/${index}`);
  for (let at = 0; at < fetched.length; at += 500)
    await git([
      'fetch',
      '--quiet',
      '--no-tags',
      '--filter=tree:0',
      '--no-recurse-submodules',
      'origin',
      ...fetched.slice(at, at + 500),
    ]);
  for (const name of ['remote.origin.promisor', 'remote.origin.partialclonefilter', 'extensions.partialclone'])
    await git(['config', '--unset', name]);
  // Every failure is a refusal, an unknown commit's too.
  const containing = await git(['for-each-ref', `--contains=${commit}`, '--format=%(refname)', 'refs/allowed/']).catch(
    () => '',
  );
  const index = /^refs\/allowed\/([0-9]+)$/m.exec(containing)?.[1];
  const proved = index === undefined ? undefined : refs[Number(index)];
  if (proved === undefined) throw stranger;
  return proved;
}

/** Fetches this one commit without its history and without its files. */
export async function fetchCommit(git: Git, commit: string): Promise<void> {
  await git([
    'fetch',
    '--quiet',
    '--depth=1',
    '--no-tags',
    '--filter=blob:none',
    '--no-recurse-submodules',
    'origin',
    commit,
  ]);
  const type = (await git(['cat-file', '-t', commit])).trim();
  if (type !== 'commit')
    throw new Failure('E_COMMIT_NOT_FOUND', `\`${commit}\` is a ${type}, not a commit`, 'name a commit');
}
