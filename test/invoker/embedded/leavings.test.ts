import { execFileSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { leavings } from '../../../invoker/embedded/leavings.ts';
import { temporaryDirectory } from '../../support/temporary-directory.ts';
import { runIn } from '../sample-run.ts';

function place() {
  const data = temporaryDirectory('left');
  const [work, state] = [join(data, 'work'), join(data, 'state')];
  const clone = join(work, 'clone');
  for (const directory of [join(clone, 'prod/vpc'), state]) mkdirSync(directory, { recursive: true });
  const reports: string[] = [];
  const open = () => leavings({ work, path: '/nowhere', report: (_, words) => reports.push(words) });
  return { ...{ work, state, clone, reports, open }, kept: join(state, 'kept'), left: open() };
}

const goneSoon = (directory: string) => expect.poll(() => readdirSync(directory), { timeout: 20_000 }).toEqual([]);

describe('a directory that is discarded', () => {
  test('frees its place at once, and is removed however deep it is', async () => {
    const { work, clone, left, reports } = place();
    // Deeper than a path can be long, so that nobody can name what is at the bottom.
    const script = '$n = "d" x 200; for (1 .. 500) { mkdir $n; chdir $n }';
    execFileSync('perl', ['-e', script], { cwd: clone });
    left.discard('r_one', [clone, join(work, 'never made')]);
    expect(existsSync(clone)).toBe(false);
    await goneSoon(work);
    expect(reports).toEqual([]);
  });

  test('is removed without what links in it lead to', async () => {
    const { work, state, clone, left } = place();
    writeFileSync(join(state, 'of another'), 'a state', { mode: 0o400 });
    symlinkSync(state, join(clone, 'link'));
    mkdirSync(join(clone, 'locked/inner'), { recursive: true, mode: 0o500 });
    left.discard('r_one', [clone]);
    await goneSoon(work);
    expect(statSync(join(state, 'of another')).mode & 0o777).toBe(0o400);
  });

  test('is removed at the next start where a server did not come to it', async () => {
    const { work, clone, open } = place();
    renameSync(clone, `${clone}.left-by-r_one`);
    open();
    await goneSoon(work);
  });

  test('that cannot be put aside is told, not thrown', () => {
    const { clone, left, reports } = place();
    mkdirSync(`${clone}.left-by-r_one/x`, { recursive: true });
    writeFileSync(join(clone, 'x'), '');
    left.discard('r_one', [clone]);
    expect(reports).toEqual([expect.stringContaining('cannot be put aside')]);
  });
});

describe('a state that a backend did not take', () => {
  const failed = runIn('failed', { command: 'apply' });
  const errored = (clone: string, path = 'prod/vpc') => join(clone, path, 'errored.tfstate');

  test('is kept of an apply that failed, and takes no more room than it has', () => {
    const { clone, kept, left } = place();
    writeFileSync(errored(clone), 'words');
    truncateSync(errored(clone), 2 ** 40);
    left.keepErroredState(failed, clone, kept);
    expect(statSync(kept)).toMatchObject({ size: 2 ** 40 });
    expect(statSync(kept).blocks).toBeLessThan(1000);
    left.keepErroredState(failed, clone, kept);
    expect(existsSync(kept)).toBe(true);
  });

  test.each([
    ['a plan', runIn('failed')],
    ['an apply that succeeded', runIn('succeeded', { command: 'apply' })],
  ])('is forged where %s has left it', (_what, run) => {
    const { clone, kept, left } = place();
    writeFileSync(errored(clone), 'forged');
    left.keepErroredState(run, clone, kept);
    expect(existsSync(kept)).toBe(false);
  });

  test('is not looked for behind a link', () => {
    const { work, clone, kept, left } = place();
    mkdirSync(join(work, 'other'));
    writeFileSync(errored(work, 'other'), 'of another');
    execFileSync('rmdir', [join(clone, 'prod/vpc')]);
    symlinkSync(join(work, 'other'), join(clone, 'prod/vpc'));
    left.keepErroredState(failed, clone, kept);
    expect(existsSync(kept)).toBe(false);
    expect(readFileSync(errored(work, 'other'), 'utf8')).toBe('of another');
  });

  const cache = (clone: string, rest = '') => join(clone, 'prod/vpc/.terragrunt-cache', rest);

  test('is kept where Terragrunt has copied the stack to, however deep', () => {
    const { clone, kept, left } = place();
    mkdirSync(cache(clone, 'a/b/modules/m/errored.tfstate'), { recursive: true });
    mkdirSync(cache(clone, 'a/b/modules/m/n'), { recursive: true });
    writeFileSync(cache(clone, 'a/b/modules/m/n/errored.tfstate'), 'words');
    left.keepErroredState(failed, clone, kept);
    expect(readFileSync(kept, 'utf8')).toBe('words');
  });

  test.each(['.', 'a', 'a/errored.tfstate'])('is not looked for behind a link in that copy: %s', rest => {
    const { work, clone, kept, left } = place();
    mkdirSync(join(work, 'other/a'), { recursive: true });
    for (const file of ['errored.tfstate', 'a/errored.tfstate']) writeFileSync(join(work, 'other', file), 'of another');
    const target = rest.endsWith('.tfstate') ? join(work, 'other', 'errored.tfstate') : join(work, 'other');
    mkdirSync(dirname(cache(clone, rest)), { recursive: true });
    symlinkSync(target, cache(clone, rest));
    left.keepErroredState(failed, clone, kept);
    expect(existsSync(kept)).toBe(false);
    expect(readFileSync(join(work, 'other/a/errored.tfstate'), 'utf8')).toBe('of another');
  });

  test('is not looked for among more than a run may make', () => {
    const { clone, kept, left } = place();
    mkdirSync(cache(clone, 'a/b'), { recursive: true });
    const script = 'for (1 .. 100_001) { open F, ">$_" or die $! }';
    execFileSync('perl', ['-e', script], { cwd: cache(clone, 'a') });
    writeFileSync(cache(clone, 'a/b/errored.tfstate'), 'words');
    left.keepErroredState(failed, clone, kept);
    expect(existsSync(kept)).toBe(false);
  });

  test('that cannot be moved stays with its clone, which nobody removes, and that is told', async () => {
    const { work, state, clone, reports, left, open } = place();
    writeFileSync(errored(clone), 'words');
    left.keepErroredState(failed, clone, join(state, 'no such directory/kept'));
    left.discard(failed.id, [clone]);
    open();
    expect(readdirSync(work)).toEqual([`clone.errored-by-${failed.id}`]);
    expect(reports).toEqual([expect.stringContaining('did not take stays')]);
  });
});
