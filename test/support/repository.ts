/** Makes real bare git repositories, commit by commit, without a work tree. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gitEnvironment } from './environment.ts';

/** A file's content, a symbolic link, a submodule, an executable; `null` deletes. */
export type Entry = string | { link: string } | { submodule: string } | { executable: string } | null;
export type Files = Readonly<Record<string, Entry>>;

export interface Repository {
  /** The bare repository, e.g. to serve over SSH or to name as a policy's url. */
  readonly dir: string;
  git(...args: string[]): string;
  /** Adds a commit on a branch (made when it is new, from `from` or from nothing) and returns its id. */
  commit(branch: string, files: Files, options?: { message?: string; from?: string; author?: string }): string;
  /** Merges one branch into another with a merge commit and returns its id. */
  merge(into: string, from: string): string;
  branch(name: string, at: string): void;
  tag(name: string, at: string): void;
  /** The commit of any revision, e.g. `refs/heads/main` or `main~1`. */
  id(revision: string): string;
}

/** A new repository in `dir` that serves filtered and by-id fetches as GitLab does; dates and identity are fixed. */
export function bareRepository(dir: string, files?: Files): Repository {
  mkdirSync(dir, { recursive: true });
  let seconds = 1_700_000_000;
  const git = (args: readonly string[], input = '', env = {}) =>
    execFileSync('git', ['-C', dir, ...args], { env: gitEnvironment(env), input, stdio: 'pipe' })
      .toString()
      .trim();
  const id = (revision: string) => git(['rev-parse', '--verify', '--quiet', `${revision}^{commit}`]);
  const exists = (ref: string) => git(['for-each-ref', '--format=%(refname)', ref]) === ref;
  const repository: Repository = {
    dir,
    git: (...args) => git(args),
    id,
    commit(branch, entries, { message = `change ${branch}`, from, author = 'Anna K' } = {}) {
      const ref = `refs/heads/${branch}`;
      const parent = exists(ref) ? id(ref) : from && id(from);
      seconds += 60;
      git(
        ['fast-import', '--quiet', '--date-format=raw'],
        commitStream(ref, entries, { message, seconds, parent, author }),
      );
      return id(ref);
    },
    merge(into, from) {
      seconds += 60;
      const date = `${seconds} +0000`;
      const tree = git(['merge-tree', '--write-tree', into, from]);
      const env = { GIT_AUTHOR_DATE: date, GIT_COMMITTER_DATE: date };
      const merged = git(['commit-tree', tree, '-p', into, '-p', from, '-m', `merge ${from} into ${into}`], '', env);
      git(['update-ref', `refs/heads/${into}`, merged]);
      return merged;
    },
    branch: (name, at) => void git(['update-ref', `refs/heads/${name}`, id(at)]),
    tag: (name, at) => void git(['update-ref', `refs/tags/${name}`, id(at)]),
  };
  git(['init', '--quiet', '--bare', '--initial-branch=main']);
  serveLikeGitLab(git);
  if (files) repository.commit('main', files, { message: 'first commit' });
  return repository;
}

export interface FixtureIds {
  readonly main: string;
  readonly old: string;
  readonly develop: string;
  readonly mr: string;
  readonly unreachable: string;
  readonly tree: string;
}

/** The repository that the security cases are about: always the same ids. */
export function fixtureRepository(dir: string): { dir: string; ids: FixtureIds } {
  const script = join(import.meta.dirname, 'fixture.sh');
  execFileSync('sh', [script, dir], { env: gitEnvironment(), stdio: 'pipe' });
  const bare = join(dir, 'infra-live.git');
  serveLikeGitLab(args => execFileSync('git', ['-C', bare, ...args], { env: gitEnvironment() }).toString());
  return { dir: bare, ids: JSON.parse(readFileSync(join(dir, 'ids.json'), 'utf8')) as FixtureIds };
}

function serveLikeGitLab(git: (args: readonly string[]) => string): void {
  for (const key of ['allowFilter', 'allowAnySHA1InWant']) git(['config', `uploadpack.${key}`, 'true']);
}

interface CommitFacts {
  readonly message: string;
  readonly seconds: number;
  readonly parent: string | undefined;
  readonly author: string;
}

function commitStream(ref: string, files: Files, { message, seconds, parent, author }: CommitFacts): string {
  const head = `commit ${ref}\ncommitter ${author} <anna.k@example.com> ${seconds} +0000\n${data(message)}`;
  const changes = Object.entries(files).map(([path, entry]) => change(quoted(path), entry));
  return `${head}${parent ? `from ${parent}\n` : ''}${changes.join('')}\n`;
}

function change(path: string, entry: Entry): string {
  if (entry === null) return `D ${path}\n`;
  if (typeof entry === 'string') return `M 100644 inline ${path}\n${data(entry)}`;
  if ('link' in entry) return `M 120000 inline ${path}\n${data(entry.link)}`;
  if ('executable' in entry) return `M 100755 inline ${path}\n${data(entry.executable)}`;
  return `M 160000 ${entry.submodule} ${path}\n`;
}

const data = (text: string) => `data ${Buffer.byteLength(text)}\n${text}\n`;

/** git's C-style quoting: a hostile file name may hold quotes, backslashes, line feeds and, as \udc80 to \udcff, bytes. */
const quoted = (path: string) =>
  `"${path
    .replace(/["\\]/g, '\\$&')
    .replaceAll('\n', '\\n')
    .replace(/[\udc80-\udcff]/g, half => `\\${(half.charCodeAt(0) - 0xdc00).toString(8)}`)}"`;
