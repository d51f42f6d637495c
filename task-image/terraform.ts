/** Terraform's own steps: fixed argument lists, judged by exit codes and files, never by what is printed. */
import { existsSync, statfsSync } from 'node:fs';
import { join } from 'node:path';
import { setImmediate as immediate } from 'node:timers/promises';
import type { StackSettings } from '../policies/allowlist.ts';
import type { Phase } from '../policies/contract/run.ts';
import { beforeResults } from './apply-results.ts';
import { checkBackend } from './backend.ts';
import { realBinary, wrongVersion } from './binary.ts';
import type { Control } from './control.ts';
import { cliConfigFile, homeDir, planDir, temporaryDir, toolEnvironment, usersFile } from './environment.ts';
import { erroredStates } from './errored-state.ts';
import { diskFull, Failure, problemOf } from './failure.ts';
import { handOver } from './hand-over.ts';
import type { Isolation } from './isolation.ts';
import { type LocalState, localState } from './local-state.ts';
import { lockArgument } from './lock-file.ts';
import { lineSplitter } from './output.ts';
import type { HttpsProxy } from './proxy.ts';
import type { View } from './sandbox.ts';
import { sensitiveValues } from './sensitive-values.ts';
import { runTool, type Tool } from './subprocess.ts';
import { toolFailure } from './tool-failure.ts';

export interface StackRun {
  readonly control: Control;
  readonly settings: StackSettings;
  readonly cloneDir: string;
  readonly dataDir: string;
  /** Where the stack is in the clone. */
  readonly cwd: string;
  readonly runDir: string;
  readonly isolation: Isolation;
  /** Where tools are looked for: the worker's own PATH. */
  readonly path: string;
  /** By which the tool leaves; absent where it leaves directly. */
  readonly proxy?: HttpsProxy;
  /** The state of a stack without a remote backend; absent where there must be one. */
  readonly stateFile?: string;
  /** What the run may use; every step has it. */
  readonly environment: Readonly<Record<string, string>>;
  /** Called as soon as an apply has ended, where that was not well. */
  readonly keepState: () => Promise<void>;
}

/** What the git that fetches modules needs, which is for `init` only. */
export interface Fetching {
  readonly environment: Readonly<Record<string, string>>;
  /** What a sandbox must show for it. */
  readonly paths: readonly string[];
}

export interface Terraform {
  readonly init: (fetching: Fetching) => Promise<void>;
  /** Makes the plan file; says whether applying it would change anything, and what `show` says of it. */
  readonly plan: (planFile: string) => Promise<{ readonly hasChanges: boolean; readonly json: unknown }>;
  /** A plan as JSON; what it marks as sensitive is hidden from then on. */
  readonly show: (planFile: string) => Promise<unknown>;
  readonly apply: (planFile: string) => Promise<void>;
  /** The serial of the state as it is now, where it can be told. */
  readonly serial: () => Promise<number | undefined>;
}

export function terraform(parts: StackRun): Terraform {
  const { control, settings, cloneDir, dataDir, cwd, runDir, isolation, path, proxy } = parts;
  const { stateFile, environment, keepState } = parts;
  const { binary } = settings;
  const { file, wrapped } = realBinary(settings, path);
  const own = toolEnvironment({
    runDir,
    dataDir,
    runId: control.claimed.run,
    binary,
    ...(wrapped === undefined ? {} : { wrapped }),
    ...(proxy && { proxy }),
  });
  // What is the worker's own outweighs.
  const env = { ...environment, ...own };
  const places = [cloneDir, dataDir, homeDir(runDir), temporaryDir(runDir), planDir(runDir)];
  const graceOver = endOfGrace(control);
  let local: LocalState | undefined;

  /** Of the states that this machine keeps, the stack's own: to read, and to write in an apply. */
  const view = (isApply: boolean, more: readonly string[]): View => {
    const { mirror } = settings.providers;
    const state = local?.shown() ?? [];
    return {
      readOnly: [
        ...[file, wrapped, cliConfigFile(runDir)].filter(one => one !== undefined),
        ...(mirror?.startsWith('/') ? [mirror] : []),
        ...(isApply ? [] : state),
        ...more,
      ],
      readWrite: [...places, ...(isApply ? state : [])],
      temporary: temporaryDir(runDir),
      users: usersFile(runDir),
    };
  };

  type How = Pick<Tool, 'stdoutOnly' | 'hold'> &
    Partial<Pick<Tool, 'stop' | 'graceMs'>> & { readonly fetching?: Fetching };

  const run = async (argv: readonly string[], output: Tool['output'], { fetching, ...how }: How) => {
    const { stop, graceMs } = control;
    const isApply = argv[0] === 'apply';
    const { exitCode, exceeded } = await runTool({
      ...{ file, argv, cwd, env: { ...env, ...fetching?.environment }, outputFile: join(runDir, `out-${argv[0]}`) },
      ...{ isolation, view: view(isApply, fetching?.paths ?? []), limits: settings },
      ...{ stop, graceMs, ...(isApply && { savesState: true }), output, ...how },
    });
    if (exceeded) throw new Failure(exceeded.code, exceeded.message, exceeded.fix);
    return exitCode;
  };

  /** Runs with the output shown to the caller; answers the exit code and the last words, for telling failures apart. */
  const shown = async (phase: Phase, argv: readonly string[], how: How = {}) => {
    let words = '';
    const lines = lineSplitter(control.masker.stream(), text => {
      words = `${words}\n${text}`.slice(-64 * 1024);
      return control.line({ phase, text });
    });
    const exitCode = await run(argv, lines.write, how);
    await lines.end();
    return { exitCode, words };
  };

  const captured = async (argv: readonly string[], how: How = {}): Promise<string> => {
    const chunks: Buffer[] = [];
    const exitCode = await run(argv, chunk => void chunks.push(chunk), { stdoutOnly: true, ...how });
    if (exitCode === 0) return Buffer.concat(chunks).toString('utf8');
    // Terraform says nothing of a plan file that it could not write whole, only that it cannot read it.
    if (statfsSync(runDir).bavail === 0) throw diskFull;
    throw unreadable(`${binary} ${argv[0]} failed`);
  };

  /** Of a plan, of a state in a file, or of the state as it is now. */
  const show = async (file: readonly string[], how: How = {}): Promise<unknown> => {
    const json = parsed(await captured(['show', '-json', ...file], how));
    for (const value of sensitiveValues(json)) {
      control.masker.hide(value);
      // There may be thousands, and the worker must stay alive meanwhile.
      await immediate();
    }
    return json;
  };

  /** Hides what the apply has made, so that its diagnostics and outputs may be shown; says whether it could. */
  const hideMade = async (): Promise<boolean> => {
    // An apply that was interrupted has results too.
    const how = { stop: graceOver, graceMs: () => 0 };
    try {
      await show([], how);
      for (const file of erroredStates(cwd)) await show([file], how);
      return true;
    } catch (error) {
      const why = graceOver.aborted ? 'there was no time left to read the state' : problemOf(error).message;
      const text = `The results of this apply are not shown: its secrets cannot be told, since ${why}.`;
      await control.line({ phase: 'apply', text: control.masker.masked(text) });
      return false;
    }
  };

  return {
    init: async fetching => {
      if (isolation.kind === 'user') handOver(runDir, places, isolation);
      if (settings.version !== undefined)
        checkVersion(settings.version, await captured(['version', '-json'], { fetching }), binary);
      const fill = Object.entries(settings.backend?.config ?? {}).map(
        ([key, value]) => `-backend-config=${key}=${value}`,
      );
      const lock = lockArgument(cwd, settings.lockFile, control.claimed.command);
      const { exitCode, words } = await shown('init', ['init', '-input=false', ...lock, ...fill], { fetching });
      if (exitCode !== 0) throw toolFailure('E_INIT', `${binary} init`, exitCode, words);
      const isLocal = checkBackend(settings, dataDir, stateFile !== undefined);
      if (isLocal && stateFile !== undefined) local = localState(stateFile, cwd);
    },
    plan: async planFile => {
      const argv = ['plan', '-input=false', '-lock=false', '-detailed-exitcode', `-out=${planFile}`];
      let json: unknown;
      // The plan is written before it is printed, its errors too; only from it is known what must not be shown of them.
      // INVARIANT: where it cannot be told, nothing of them is shown.
      const before = (chunk: Buffer) => (existsSync(planFile) ? 0 : chunk.length);
      const until = async () => {
        json = await show([planFile]);
        return true;
      };
      const { exitCode, words } = await shown('plan', argv, { hold: { before, until } });
      if (exitCode !== 0 && exitCode !== 2) throw toolFailure('E_PLAN', `${binary} plan`, exitCode, words);
      return { hasChanges: exitCode === 2, json: json ?? (await show([planFile])) };
    },
    show: planFile => show([planFile]),
    apply: async planFile => {
      await local?.keepBefore();
      const argv = ['apply', '-input=false', '-lock-timeout=60s', planFile];
      const until = async (ended: number | null) => {
        if (ended !== 0) await keepState();
        return hideMade();
      };
      const { exitCode, words } = await shown('apply', argv, { hold: { before: beforeResults(), until } });
      if (exitCode !== 0) throw toolFailure('E_APPLY', `${binary} apply`, exitCode, words);
    },
    serial: async () => {
      // Only told to people: nothing that was applied is undone because it cannot be read.
      try {
        const text = local ? local.read() : await captured(['state', 'pull']);
        const { serial } = JSON.parse(text ?? '{}') as { serial?: unknown };
        return typeof serial === 'number' ? serial : undefined;
      } catch {
        return undefined;
      }
    },
  };
}

const unreadable = (why: string): Failure =>
  new Failure('E_PLAN', why, 'plan again; if it stays, ask an admin to look at it');

/** Aborted when a run that must stop has had the time that it gets for that. */
function endOfGrace({ stop, graceMs }: Control): AbortSignal {
  const over = new AbortController();
  const begin = () => void setTimeout(() => over.abort(), graceMs()).unref();
  if (stop.aborted) begin();
  else stop.addEventListener('abort', begin, { once: true });
  return over.signal;
}

/** What JSON.parse says of a failure repeats what it has read. */
function parsed(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    throw unreadable('what `show` says cannot be read');
  }
}

function checkVersion(wanted: string, answer: string, binary: string): void {
  const version = (JSON.parse(answer) as { terraform_version?: string }).terraform_version;
  if (version !== wanted) throw wrongVersion(binary, wanted, [version ?? 'another']);
}
