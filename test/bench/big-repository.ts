/** A generated repository of 8,000 files and 3,000 commits, the same every time, kept for the next run outside the project. */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { exampleFiles } from '../demo/example-repository.ts';
import { gitEnvironment } from '../support/environment.ts';
import { bareRepository } from '../support/repository.ts';

export const fileCount = 8000;
export const commitCount = 3000;

/** Raise it with every change here: what is in the cache was made by an older one. */
const edition = 1;
const filesPerStack = 10;
const changesPerCommit = 3;

/** The bare repository; made in some ten seconds when `cacheDir` does not have it. */
export function bigRepository(cacheDir: string, say: (line: string) => void): string {
  const dir = join(cacheDir, `bench-${edition}.git`);
  if (existsSync(dir)) return dir;
  say(`making a repository of ${fileCount} files and ${commitCount} commits in ${dir} (once)`);
  mkdirSync(cacheDir, { recursive: true });
  const unfinished = `${dir}.${process.pid}`;
  try {
    const { git } = bareRepository(unfinished, exampleFiles);
    execFileSync('git', ['-C', unfinished, 'fast-import', '--quiet', '--force'], {
      env: gitEnvironment(),
      input: history(),
      stdio: 'pipe',
    });
    // As a git host keeps it: one well-made pack with its bitmap.
    git('repack', '-q', '-a', '-d', '-b');
    renameSync(unfinished, dir);
  } finally {
    rmSync(unfinished, { recursive: true, force: true });
  }
  return dir;
}

/** On top of the example's first commit: all files at once, then small changes to files here and there. */
function history(): string {
  const random = generator(1);
  const generated = fileCount - Object.keys(exampleFiles).length;
  const paths = Array.from({ length: generated }, (_, index) => {
    const stack = Math.floor(index / filesPerStack);
    return `live/team${stack % 20}/stack${stack}/part${index % filesPerStack}.tf`;
  });
  const commits = [commit(1, paths, random, 'from refs/heads/main^0\n')];
  // The example's commit and the one above count too.
  for (let number = 2; number < commitCount; number += 1) {
    const changed = Array.from({ length: changesPerCommit }, () => paths[random(paths.length)] ?? '');
    commits.push(commit(number, changed, random));
  }
  return commits.join('');
}

function commit(number: number, paths: readonly string[], random: Random, from = ''): string {
  const message = `change ${number}`;
  const changes = paths.map(path => {
    const text = source(random);
    return `M 100644 inline ${path}\ndata ${text.length}\n${text}\n`;
  });
  const committer = `committer Ben O <ben.o@example.com> ${1_700_001_000 + number * 600} +0000`;
  return `commit refs/heads/main\n${committer}\ndata ${message.length}\n${message}\n${from}${changes.join('')}\n`;
}

/** About two kilobytes of Terraform, with as much in it that does not compress as names and ids have. */
function source(random: Random): string {
  const block = () => {
    const id = random(0x7fffffff).toString(36);
    const cidr = `10.${random(256)}.${random(256)}.0/24`;
    return `resource "terraform_data" "r_${id}" {\n  input = {\n    name = "subnet-${id}"\n    cidr = "${cidr}"\n    owner = "team-${random(40)}"\n  }\n}\n`;
  };
  return Array.from({ length: 12 + random(8) }, block).join('\n');
}

type Random = (below: number) => number;

/** A linear congruential generator (Numerical Recipes): the same numbers on every machine. */
function generator(seed: number): Random {
  let state = seed;
  return below => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}
