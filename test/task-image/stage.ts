/** Runs on a real server, from the request to the moment when nothing of the run is left on the machine. */
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'vitest';
import type { RequestBody } from '../../policies/contract/request.ts';
import type { Run } from '../../policies/contract/run.ts';
import { leftFiles, leftProcesses } from '../end-to-end/leftovers.ts';
import type { Server } from '../support/server.ts';

/** Asks for a run, waits for its end, and insists that it ends clean. */
export async function ended(server: Server, request: RequestBody): Promise<Run> {
  const { run } = await server.submit(request);
  const end = await server.waitForEnd(run.id);
  await nothingLeft(server);
  return end;
}

/** As `ended`, for a run that must fail with this code: its words must help a tired person, its exit code must fit. */
export async function failed(server: Server, request: RequestBody, code: string): Promise<Run> {
  const run = await ended(server, request);
  expect(run.error ?? run).toMatchObject({ code });
  expect(run.error?.message).toMatch(/^[`a-z][^\n]*[^.\n]$/);
  expect(run.error?.fix).toMatch(/^[`a-z][^\n]*[^.\n]$/);
  return run;
}

/** As `failed`, for a run that must be turned away before anything of the repository runs. */
export async function refused(server: Server, request: RequestBody, code: string): Promise<Run> {
  const run = await failed(server, request, code);
  expect(run).toMatchObject({ state: 'failed', terraformStarted: false });
  return run;
}

/** No process of a run, no file and no socket below the work directory; the keeper may take a moment. */
export async function nothingLeft(server: Server, withinMs = 20_000): Promise<void> {
  const until = Date.now() + withinMs;
  const left = () => ({ processes: leftProcesses(server.dataDir), files: leftFiles(server.dataDir) });
  while (Date.now() < until && Object.values(left()).some(list => list.length > 0)) await sleep(50);
  expect(left()).toEqual({ processes: [], files: [] });
}
