import { expect, test } from 'vitest';
import { initialise } from '../../task-image/initialise.ts';
import { problemFrom, runDirectory, silentControl } from './parts.ts';

const module = { url: 'git@git.example.com:acme/a.git', deployKey: 'file:/none', knownHosts: 'git.example.com x y' };

test('private modules are refused where no agent would answer, before their keys are read', async () => {
  let isInitialised = false;
  const problem = await problemFrom(() =>
    initialise({
      control: silentControl(),
      tool: {
        init: async () => {
          isInitialised = true;
        },
      },
      places: { runDir: runDirectory(), path: '/usr/bin:/bin' },
      repository: { modules: [module] },
      settings: { moduleSources: [] },
      isolation: { kind: 'user', uid: 1, gid: 1 },
    }),
  );
  expect(problem).toMatchObject({ code: 'E_INIT', fix: expect.stringContaining('bubblewrap') });
  expect(isInitialised).toBe(false);
});
