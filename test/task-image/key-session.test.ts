import { expect, test } from 'vitest';
import { initialise } from '../../task-image/initialise.ts';
import { runDirectory, silentControl } from './parts.ts';

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
