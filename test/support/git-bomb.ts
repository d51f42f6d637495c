/** A tree of ten million paths in a few kilobytes of git: every directory holds the same one ten times. */
import { execFileSync } from 'node:child_process';
import { gitEnvironment } from './environment.ts';
import type { Repository } from './repository.ts';

/** Puts `bomb/` beside what `main` has, as a new commit of `branch`; answers its id. */
export function addGitBomb(repository: Repository, branch: string): string {
  const git = (args: readonly string[], input = '') =>
    execFileSync('git', ['-C', repository.dir, ...args], { env: gitEnvironment({}), input, stdio: 'pipe' })
      .toString()
      .trim();
  const blob = git(['hash-object', '-w', '--stdin'], 'x\n');
  const ten = (line: (n: number) => string) => Array.from({ length: 10 }, (_, n) => `${line(n)}\n`).join('');
  let tree = git(
    ['mktree'],
    ten(n => `100644 blob ${blob}\tf${n}`),
  );
  for (let level = 0; level < 6; level += 1)
    tree = git(
      ['mktree'],
      ten(n => `040000 tree ${tree}\td${n}`),
    );
  const rest = git(['ls-tree', 'main']);
  const root = git(['mktree'], `${rest}\n040000 tree ${tree}\tbomb\n`);
  const commit = git(['commit-tree', root, '-p', repository.id('main'), '-m', 'bomb']);
  git(['update-ref', `refs/heads/${branch}`, commit]);
  return commit;
}
