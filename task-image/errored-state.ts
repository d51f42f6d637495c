/** The state that a backend did not take: the only record of what an apply has made. It is kept, and its caller is told where. */
import { lstatSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Finish } from '../policies/contract/worker.ts';
import type { Control } from './control.ts';
import { readRegular } from './read-file.ts';
import { workingDirectories } from './working-directories.ts';

export interface ErroredState {
  /** Call it before an apply: later there may be no time, or no door, to ask where a state may be put. */
  readonly prepare: () => Promise<void>;
  /** Call it when an apply has ended, not well: before anything else, since the platform may end the worker soon. */
  readonly keep: () => Promise<void>;
  /** The end of an apply, whatever it is, with what it has left. Of an apply that went well it is forged. */
  readonly toldIn: (ended: Finish) => Promise<Finish>;
}

/** So often it is asked again: a grant does not last as long as an apply. */
const renewMs = 10 * 60_000;

export function erroredState(control: Pick<Control, 'grantErroredState'>, cwd: string): ErroredState {
  let url: string | undefined;
  let renewing: NodeJS.Timeout | undefined;
  let kept: Promise<Place> | undefined;

  const grant = async (): Promise<void> => {
    url = await control.grantErroredState();
  };
  const keep = async (): Promise<void> => {
    clearInterval(renewing);
    const [file] = erroredStates(cwd);
    if (file === undefined) return;
    kept ??= url === undefined ? Promise.resolve(launchers) : put(url, file);
    await kept;
  };

  return {
    prepare: async () => {
      await grant();
      renewing = setInterval(() => void grant().catch(() => {}), renewMs).unref();
    },
    keep,
    toldIn: async ended => {
      clearInterval(renewing);
      const { outcome, error } = ended;
      if (outcome === 'succeeded' || error === undefined) return ended;
      await keep();
      if (kept === undefined) return ended;
      const { message, fix } = await kept;
      return {
        ...ended,
        error: {
          code: error.code,
          message: `${error.message}, and the backend did not take the state${message}`,
          fix: error.fix === undefined ? fix : `${fix}; ${error.fix}`,
        },
      };
    },
  };
}

/** Terraform puts it where it works. Files, and not what something else has put there. */
export function erroredStates(cwd: string): string[] {
  try {
    return workingDirectories(cwd)
      .map(directory => join(directory, 'errored.tfstate'))
      .filter(file => lstatSync(file, { throwIfNoEntry: false })?.isFile());
  } catch {
    // What was applied has made what nobody can look through.
    return [];
  }
}

/** What is said of the state after "the backend did not take the state", and what to do. */
interface Place {
  readonly message: string;
  readonly fix: string;
}

const found = (where: string): Place => ({
  message: '',
  fix: `an admin finds it ${where}: push it with \`terraform state push\` before anything else is planned`,
});

const launchers = found('in `state/` of the data directory, named `….errored.tfstate`');

/** As long as the platform leaves time for. */
const putMs = 20_000;
const retryMs = 500;

/** Never rejects: whether it could be kept is part of what is told. */
async function put(url: string, file: string): Promise<Place> {
  const { origin, pathname } = new URL(url);
  const bytes = readRegular(file);
  const why = bytes === undefined ? 'it cannot be read' : await upload(url, bytes);
  // The rest of a url is the right to write there.
  if (why === undefined) return found(`at \`${origin}${pathname}\``);
  return {
    message: `, which could not be kept either: ${why}`,
    fix: 'have an admin import what this apply has made, as the output above tells it, before anything else is planned',
  };
}

/** Answers why it could not. */
async function upload(url: string, bytes: Uint8Array): Promise<string | undefined> {
  const signal = AbortSignal.timeout(putMs);
  let why = 'nobody answers';
  for (let tries = 0; !signal.aborted; tries += 1) {
    const status = await fetch(url, {
      method: 'PUT',
      headers: { 'content-type': 'application/octet-stream', 'if-none-match': '*' },
      body: new Uint8Array(bytes),
      redirect: 'manual',
      signal,
    }).then(
      response => response.status,
      () => undefined,
    );
    // It is there: by a try before this one, whose answer got lost, since nobody else may put it there.
    if (status === 200 || (status === 412 && tries > 0)) return undefined;
    if (status !== undefined) why = `status ${status}`;
    // Conditional writes may get in each other's way.
    if (status !== undefined && status < 500 && status !== 409) break;
    await sleep(retryMs, undefined, { signal }).catch(() => {});
  }
  return why;
}
