import { expect, test } from 'vitest';
import { moduleFailure } from '../../task-image/module-git.ts';

const said = (words: string) => `Error: Failed to download module\n│ \n│ Could not download module "m": ${words}`;

test('a module whose address leads elsewhere is told with what to write', () => {
  const problem = moduleFailure(
    said("unable to access 'https://x/y/': The\n│ requested URL returned error: 301"),
  )?.problem;
  expect(problem).toMatchObject({ code: 'E_INIT', fix: expect.stringContaining('.git') });
});

test('what is no failure of a module is none here', () => {
  expect(moduleFailure('Error: something else returned error: 301')).toBeUndefined();
});
