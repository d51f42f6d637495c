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

test('the session that reads the keys is gone before anything of the repository runs', async () => {
  const order: string[] = [];
  await initialise({
    control: { ...silentControl(), dropKeySession: () => void order.push('dropped') },
    tool: { init: async () => void order.push('init') },
    places: { runDir: runDirectory(), path: '/usr/bin:/bin' },
    repository: { modules: [] },
    settings: { moduleSources: [] },
    isolation: { kind: 'none', why: 'a test' },
  });
  expect(order).toEqual(['dropped', 'init']);
});
