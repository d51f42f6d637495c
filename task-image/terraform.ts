/** Terraform's own steps: fixed argument lists, judged by exit codes and files, never by what is printed. */
import { existsSync, statfsSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { copyFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setImmediate as immediate } from 'node:timers/promises';
import type { StackSettings } from '../policies/allowlist.ts';
import type { Phase } from '../policies/contract/run.ts';
import { beforeResults } from './apply-results.ts';
import { checkBackend } from './backend.ts';
import { realBinary } from './binary.ts';
import type { Control } from './control.ts';
import { cliConfigFile, homeDir, planDir, temporaryDir, toolEnvironment, usersFile } from './environment.ts';
import { diskFull, Failure } from './failure.ts';
import { handOver } from './hand-over.ts';
import type { Isolation } from './isolation.ts';
import { megabyte } from './limits.ts';
import { lockArgument } from './lock-file.ts';
import { lineSplitter } from './output.ts';
import { erroredState, hasErroredState } from './places.ts';
import { mostBytes, readIfThere } from './read-file.ts';
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
  /** The state of a stack without a remote backend; absent where there must be one. */
  readonly stateFile?: string;
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
  const { control, settings, cloneDir, dataDir, cwd, runDir, isolation, path, stateFile } = parts;
  const { binary } = settings;
  const { file, wrapped } = realBinary(binary, path);
  const env = toolEnvironment({
    runDir,
    dataDir,
    runId: control.claimed.run,
    binary,
    ...(wrapped === undefined ? {} : { wrapped }),
  });
  const places = [cloneDir, dataDir, homeDir(runDir), temporaryDir(runDir), planDir(runDir)];
  let isLocal = false;

  /** Of the states that this machine keeps, the stack's own: to read, and to write in an apply. */
  const view = (isApply: boolean, more: readonly string[]): View => {
    const { mirror } = settings.providers;
    const state = isLocal && stateFile !== undefined && existsSync(stateFile) ? [stateFile] : [];
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

  type How = Pick<Tool, 'stdoutOnly' | 'hold'> & { readonly fetching?: Fetching };

  const run = async (argv: readonly string[], output: Tool['output'], { fetching, ...how }: How) => {
    const { stop, claimed } = control;
    const isApply = argv[0] === 'apply';
    const { exitCode, exceeded } = await runTool({
      ...{ file, argv, cwd, env: { ...env, ...fetching?.environment }, outputFile: join(runDir, `out-${argv[0]}`) },
      ...{ isolation, view: view(isApply, fetching?.paths ?? []), limits: settings },
      ...{ stop, graceMs: claimed.graceMs, ...(isApply && { savesState: true }), output, ...how },
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
  const show = async (...file: readonly string[]): Promise<unknown> => {
    const json = parsed(await captured(['show', '-json', ...file]));
    for (const value of sensitiveValues(json)) {
      control.masker.hide(value);
      // There may be thousands, and the worker must stay alive meanwhile.
      await immediate();
    }
    return json;
  };

  /** Hides what the apply has made, so that its diagnostics and outputs may be shown; says whether it could. */
  const hideMade = async (): Promise<boolean> => {
    try {
      await show();
      // What the backend did not take.
      if (hasErroredState(cwd)) await show(erroredState(cwd));
      return true;
    } catch {
      const text =
        'The results of this apply are not shown: its secrets cannot be told, since the state cannot be read.';
      await control.line({ phase: 'apply', text });
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
      isLocal = checkBackend(settings, dataDir, stateFile !== undefined);
      // Terraform's implicit backend writes through the link, in place; `-state` would do too, but is deprecated.
      if (isLocal && stateFile !== undefined) symlinkSync(stateFile, join(cwd, 'terraform.tfstate'));
    },
    plan: async planFile => {
      const argv = ['plan', '-input=false', '-lock=false', '-detailed-exitcode', `-out=${planFile}`];
      let json: unknown;
      // The plan is written before it is printed, its errors too; only from it is known what must not be shown of them.
      // INVARIANT: where it cannot be told, nothing of them is shown.
      const before = (chunk: Buffer) => (existsSync(planFile) ? 0 : chunk.length);
      const until = async () => {
        json = await show(planFile);
        return true;
      };
      const { exitCode, words } = await shown('plan', argv, { hold: { before, until } });
      if (exitCode !== 0 && exitCode !== 2) throw toolFailure('E_PLAN', `${binary} plan`, exitCode, words);
      return { hasChanges: exitCode === 2, json: json ?? (await show(planFile)) };
    },
    show: planFile => show(planFile),
    apply: async planFile => {
      if (isLocal && stateFile !== undefined) {
        // Terraform writes a state in place: the one before stays beside it.
        if (existsSync(stateFile)) await keepBefore(stateFile);
        // A sandbox can only show it a file that is there.
        else writeFileSync(stateFile, '', { mode: 0o600 });
      }
      const argv = ['apply', '-input=false', '-lock-timeout=60s', planFile];
      const { exitCode, words } = await shown('apply', argv, { hold: { before: beforeResults(), until: hideMade } });
      // Of an apply that went well it is forged.
      if (exitCode !== 0 && hasErroredState(cwd))
        throw new Failure(
          'E_APPLY',
          `${binary} apply could not write its state: the backend did not take it`,
          'an admin finds it in `state/` of the data directory, named `….errored.tfstate`: push it with `terraform state push` before anything else is planned',
        );
      if (exitCode !== 0) throw toolFailure('E_APPLY', `${binary} apply`, exitCode, words);
    },
    serial: async () => {
      // Only told to people: nothing that was applied is undone because it cannot be read.
      try {
        const text = isLocal && stateFile !== undefined ? readIfThere(stateFile) : await captured(['state', 'pull']);
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

async function keepBefore(stateFile: string): Promise<void> {
  // What was applied before may have made it a file with holes, which a copy fills.
  if (statSync(stateFile).size > mostBytes)
    throw new Failure(
      'E_APPLY',
      `the state of this path has more than ${mostBytes / megabyte} MiB`,
      'have an admin look at it in `state/` of the data directory: the one before lies beside it, named `….backup`',
    );
  await copyFile(stateFile, `${stateFile}.backup`);
}

/** What JSON.parse says of a failure repeats what it has read. */
function parsed(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    throw unreadable('the saved plan cannot be read');
  }
}

function checkVersion(wanted: string, answer: string, binary: string): void {
  const version = (JSON.parse(answer) as { terraform_version?: string }).terraform_version;
  if (version === wanted) return;
  throw new Failure(
    'E_BINARY_VERSION',
    `the policy wants ${binary} ${wanted}, this worker has ${version}`,
    `install ${wanted}, or have an admin change \`version\` for this path`,
  );
}
