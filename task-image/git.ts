/** Git with nothing of this machine's configuration, one allowed transport, and failures in words for a tired person. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type SimpleGit, simpleGit } from 'simple-git';
import { isLocalUrl } from './deploy-key.ts';
import { diskFull, Failure } from './failure.ts';

/** Runs git with these arguments; answers its standard output. */
export type Git = (argv: readonly string[]) => Promise<string>;

export interface GitParts {
  readonly url: string;
  readonly sshCommand?: string;
  readonly path: string;
  /** An empty directory that git may call home. */
  readonly home: string;
  /** Lets the launcher find what is left of the run. */
  readonly runId: string;
  readonly stop: AbortSignal;
}

/** Makes a repository in `directory` that knows one remote, `origin`, and answers how to run git there. */
export function newRepository(directory: string, parts: GitParts): Git {
  // What `git init` would make, less its templates (gitrepository-layout(5)).
  for (const name of ['objects', 'refs', 'info']) mkdirSync(join(directory, '.git', name), { recursive: true });
  writeFileSync(join(directory, '.git', 'HEAD'), 'ref: refs/heads/none\n');
  writeFileSync(join(directory, '.git', 'config'), config(parts.url));
  return runner(directory, parts);
}

function runner(directory: string, { url, sshCommand, path, home, runId, stop }: GitParts): Git {
  // simple-git refuses what it knows to be dangerous: a net. The wall is that no text of a caller gets into argv but
  // canonical names, and that git itself may use one transport only.
  const allowEnvironment = [
    'GIT_ALLOW_PROTOCOL',
    'GIT_CONFIG_NOSYSTEM',
    'GIT_CONFIG_GLOBAL',
    'GIT_TERMINAL_PROMPT',
    'GIT_SSH_COMMAND',
    'GIT_SSH_VARIANT',
    'GIT_LFS_SKIP_SMUDGE',
    'GIT_OPTIONAL_LOCKS',
    'GIT_ATTR_NOSYSTEM',
  ];
  const git: SimpleGit = simpleGit({
    baseDir: directory,
    maxConcurrentProcesses: 4,
    abort: stop,
    allowEnvironment,
    // By itself simple-git takes a git that was killed, or failed without a word, for one that did its work.
    errors: (error, { exitCode, stdErr }) =>
      error ?? (exitCode === 0 ? undefined : Buffer.concat([...stdErr, Buffer.from(`it ended with ${exitCode}`)])),
    unsafe: { allowUnsafeSshCommand: true, allowUnsafeConfigPaths: true },
  }).env({
    PATH: path,
    LANG: 'C',
    HOME: home,
    INFRA_DEPLOYER_RUN: runId,
    GIT_ALLOW_PROTOCOL: isLocalUrl(url) ? 'file' : 'ssh',
    GIT_CONFIG_NOSYSTEM: '1',
    GIT_ATTR_NOSYSTEM: '1',
    GIT_CONFIG_GLOBAL: '/dev/null',
    GIT_TERMINAL_PROMPT: '0',
    GIT_LFS_SKIP_SMUDGE: '1',
    GIT_OPTIONAL_LOCKS: '0',
    ...(sshCommand === undefined ? {} : { GIT_SSH_COMMAND: sshCommand, GIT_SSH_VARIANT: 'ssh' }),
  });
  return async argv => {
    try {
      return await git.raw([...argv]);
    } catch (error) {
      throw gitFailure(error instanceof Error ? error.message : String(error));
    }
  };
}

/**
 * Written rather than set: what is in force is all here. Blobs come when they are checked out, and only those. The index
 * is sparse, so that a tree of ten million paths beside the stack costs nothing.
 */
const config = (url: string): string => `[core]
	repositoryformatversion = 1
	bare = false
	symlinks = false
	hooksPath = /dev/null
	fsmonitor = false
	sparseCheckout = true
	sparseCheckoutCone = true
[index]
	sparse = true
[extensions]
	partialClone = origin
[remote "origin"]
	url = "${url.replaceAll(/[\\"]/g, '\\$&')}"
	promisor = true
	partialclonefilter = blob:none
[protocol]
	version = 2
[transfer]
	fsckObjects = true
[fetch]
	recurseSubmodules = false
[submodule]
	recurse = false
[gc]
	auto = 0
[maintenance]
	auto = false
[advice]
	detachedHead = false
`;

const failures: readonly (readonly [RegExp, Failure])[] = [
  [/no space left on device/i, diskFull],
  [
    /host key verification failed|remote host identification has changed|no \S+ host key is known/i,
    new Failure(
      'E_HOST_KEY',
      'the git server shows a host key that the policy does not know',
      'if the server has a new key, have an admin check it and put it into `known_hosts` of the policy; if not, somebody may be in between',
    ),
  ],
  [
    /permission denied \(|invalid format|error in libcrypto/i,
    new Failure(
      'E_DEPLOY_KEY',
      'the git server refuses the deploy key',
      'add the public key to the repository as a read-only deploy key, or have an admin correct `deploy_key` in the policy',
    ),
  ],
  [
    /not our ref|unadvertised object|couldn't find remote ref|did not send all necessary objects|bad object|not a valid object/i,
    new Failure('E_COMMIT_NOT_FOUND', 'the commit is not in the repository', 'push it, then ask again'),
  ],
  [
    /could not resolve hostname|connection (refused|timed out|reset|closed)|network is unreachable|no route to host|kex_exchange|does not appear to be a git repository|not a git repository|could not read from remote|early eof|block timeout/i,
    new Failure(
      'E_REPO_UNREACHABLE',
      'the git repository cannot be reached',
      'check `url` in the policy, and that this machine reaches the git server',
    ),
  ],
];

function gitFailure(words: string): Failure {
  return (
    knownGitFailure(words) ??
    new Failure('E_GIT', `git failed: ${words.trim().split('\n').at(-1)?.slice(0, 300) ?? ''}`)
  );
}

/** What git's words tell a person who knows what they mean. */
export const knownGitFailure = (words: string): Failure | undefined =>
  failures.find(([pattern]) => pattern.test(words))?.[1];
