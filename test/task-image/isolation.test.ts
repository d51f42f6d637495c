import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { findIsolation, isolationNamed } from '../../task-image/isolation.ts';
import { requires } from '../support/requirements.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { problemFrom } from './parts.ts';

const path = process.env.PATH ?? '/usr/bin:/bin';
const user = { uid: 64_321, gid: 64_322 };

/** A PATH with a bubblewrap that this machine does not let work. */
function forbidden(): string {
  const directory = temporaryDirectory('bin');
  const script = '#!/bin/sh\necho bwrap: setting up uid map: Permission denied >&2\nexit 1\n';
  writeFileSync(join(directory, 'bwrap'), script, { mode: 0o755 });
  return directory;
}

test.skipIf(requires('sandbox'))('namespaces come first', async () => {
  expect(await findIsolation(path, user)).toEqual({ kind: 'namespace', bwrap: expect.stringMatching(/^\/.*bwrap$/) });
});

test('another user comes second', async () => {
  expect(await findIsolation('/nowhere', user)).toEqual({ kind: 'user', ...user });
  expect(await findIsolation(forbidden(), user)).toEqual({ kind: 'user', ...user });
});

test('where there is neither it is said why', async () => {
  const missing = await findIsolation('/nowhere', undefined);
  expect(missing).toEqual({ kind: 'none', why: expect.stringContaining('`bwrap` is not installed') });
  const why = 'bwrap: setting up uid map: Permission denied';
  expect(await findIsolation(forbidden(), undefined)).toEqual({ kind: 'none', why });
});

test('what was found before and is gone is a failure, not a lesser isolation', async () => {
  expect(await problemFrom(() => isolationNamed('namespace', '/nowhere'))).toMatchObject({ code: 'E_BINARY_MISSING' });
  expect(() => isolationNamed('', path)).toThrow('no isolation is named');
  expect(isolationNamed('none', path)).toMatchObject({ kind: 'none' });
});
