/** Starts a whole control plane in the process of a test, without a worker that could do anything. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { startControlPlane } from '../../../invoker/embedded/control-plane.ts';
import type { AuditEntry } from '../../../policies/contract/audit-entry.ts';
import { temporaryDirectory } from '../../support/temporary-directory.ts';
import { openPolicy } from '../test-plane.ts';

interface Health {
  readonly status: string;
  readonly version: string;
  readonly problems: readonly string[];
  readonly runs: { readonly queued: number; readonly running: number };
}

export async function startPlane(dataDir = temporaryDirectory('data')) {
  const policy = join(temporaryDirectory('policy'), 'allowlist.yaml');
  writeFileSync(policy, openPolicy);
  const workerEntry = join(temporaryDirectory('worker'), 'worker.mjs');
  writeFileSync(workerEntry, `process.stdout.write('{"kind":"none","why":"a test"}');`);
  const log: string[] = [];
  const plane = await startControlPlane({
    policyFile: policy,
    dataDir,
    host: '127.0.0.1',
    port: 0,
    leaseMs: 60_000,
    workers: 1,
    workerEntry,
    path: '/nowhere',
    logger: { stream: { write: (line: string) => log.push(line) } },
    now: Date.now,
  });
  const { tokens } = JSON.parse(readFileSync(join(dataDir, 'server.json'), 'utf8'));
  return {
    url: plane.url,
    stop: plane.stop,
    dataDir,
    policy,
    log: () => log.join(''),
    health: async () => {
      const response = await fetch(`${plane.url}/healthz`, { headers: { connection: 'close' } });
      return { code: response.status, ...((await response.json()) as Health) };
    },
    trail: async () => {
      const response = await fetch(`${plane.url}/v1/audit`, {
        headers: { authorization: `Bearer ${tokens.audit}`, connection: 'close' },
      });
      const { entries } = (await response.json()) as { entries: readonly AuditEntry[] };
      return entries.map(({ event }) => event);
    },
    submit: () =>
      fetch(`${plane.url}/v1/runs`, {
        method: 'POST',
        headers: {
          authorization: `Bearer ${tokens.deploy}`,
          'content-type': 'application/json',
          // The next server has the same port: no connection may be kept for it.
          connection: 'close',
        },
        body: JSON.stringify({ command: 'plan', path: 'prod/vpc', ref: 'main' }),
      }),
  };
}
