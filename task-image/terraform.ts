/** Terraform's own steps: fixed argument lists, judged by exit codes and files, never by what is printed. */
import { accessSync, constants, copyFileSync, existsSync, statfsSync, statSync, symlinkSync } from 'node:fs';
import { delimiter, isAbsolute, join } from 'node:path';
import type { StackSettings } from '../policies/allowlist.ts';
import type { ErrorCode } from '../policies/contract/error.ts';
import type { Phase } from '../policies/contract/run.ts';
import { checkBackend, readIfThere } from './backend.ts';
import type { Control } from './control.ts';
import { dataDir, toolEnvironment } from './environment.ts';
import { diskFull, Failure } from './failure.ts';
import { lockArgument } from './lock-file.ts';
import { moduleFailure } from './module-git.ts';
import { lineSplitter } from './output.ts';
import { erroredState } from './places.ts';
import { runTool, type Tool } from './subprocess.ts';

export interface StackRun {
  readonly control: Control;
  readonly settings: StackSettings;
  /** Where the stack is in the clone. */
  readonly cwd: string;
  readonly runDir: string;
  /** Where tools are looked for: the worker's own PATH. */
  readonly path: string;
  /** The state of a stack without a remote backend; absent where there must be one. */
  readonly stateFile?: string;
}

type Environment = Readonly<Record<string, string>>;

export interface Terraform {
  /** `git`: the environment of the git that fetches modules, which is for this step only. */
  readonly init: (git: Environment) => Promise<void>;
  /** Makes the plan file; says whether applying it would change anything. */
  readonly plan: (planFile: string) => Promise<{ readonly hasChanges: boolean }>;
  readonly show: (planFile: string) => Promise<unknown>;
  readonly apply: (planFile: string) => Promise<void>;
  /** The serial of the state as it is now, where it can be told. */
  readonly serial: () => Promise<number | undefined>;
}

export function terraform({ control, settings, cwd, runDir, path, stateFile }: StackRun): Terraform {
  const { binary } = settings;
  const file = binaryFile(binary, path);
  const wrapped = binary === 'terragrunt' ? wrappedFile(path) : undefined;
  const env = toolEnvironment({
    runDir,
    runId: control.claimed.run,
    binary,
    ...(wrapped === undefined ? {} : { wrapped }),
  });
  let isLocal = false;

  const run = async (argv: readonly string[], how: Pick<Tool, 'output' | 'stdoutOnly'>, more: Environment) => {
    const outputFile = join(runDir, 'out');
    const { stop, claimed } = control;
    const all = { ...env, ...more };
    return (await runTool({ file, argv, cwd, env: all, stop, graceMs: claimed.graceMs, outputFile, ...how })).exitCode;
  };

  /** Runs with the output shown to the caller; answers the exit code and the last words, for telling failures apart. */
  const shown = async (phase: Phase, argv: readonly string[], more: Environment = {}) => {
    let words = '';
    const lines = lineSplitter(text => {
      words = `${words}\n${text}`.slice(-64 * 1024);
      return control.line({ phase, text });
    });
    const exitCode = await run(argv, { output: lines.write }, more);
    await lines.end();
    return { exitCode, words };
  };

  const captured = async (argv: readonly string[], more: Environment = {}): Promise<string> => {
    const chunks: Buffer[] = [];
    const exitCode = await run(argv, { stdoutOnly: true, output: chunk => void chunks.push(chunk) }, more);
    if (exitCode === 0) return Buffer.concat(chunks).toString('utf8');
    // Terraform says nothing of a plan file that it could not write whole, only that it cannot read it.
    if (statfsSync(runDir).bavail === 0) throw diskFull;
    throw new Failure('E_PLAN', `${binary} ${argv[0]} failed`, 'plan again; if it stays, ask an admin to look at it');
  };

  return {
    init: async git => {
      if (settings.version !== undefined)
        checkVersion(settings.version, await captured(['version', '-json'], git), binary);
      const fill = Object.entries(settings.backend?.config ?? {}).map(
        ([key, value]) => `-backend-config=${key}=${value}`,
      );
      const lock = lockArgument(cwd, settings.lockFile, control.claimed.command);
      const { exitCode, words } = await shown('init', ['init', '-input=false', ...lock, ...fill], git);
      if (exitCode !== 0) throw failed('E_INIT', `${binary} init`, exitCode, words);
      isLocal = checkBackend(settings, dataDir(runDir), stateFile !== undefined);
      // Terraform's implicit backend writes through the link, in place; `-state` would do too, but is deprecated.
      if (isLocal && stateFile !== undefined) symlinkSync(stateFile, join(cwd, 'terraform.tfstate'));
    },
    plan: async planFile => {
      const argv = ['plan', '-input=false', '-lock=false', '-detailed-exitcode', `-out=${planFile}`];
      const { exitCode, words } = await shown('plan', argv);
      if (exitCode !== 0 && exitCode !== 2) throw failed('E_PLAN', `${binary} plan`, exitCode, words);
      return { hasChanges: exitCode === 2 };
    },
    show: async planFile => JSON.parse(await captured(['show', '-json', planFile])),
    apply: async planFile => {
      // Terraform writes a state in place: the one before stays beside it.
      if (isLocal && stateFile !== undefined && existsSync(stateFile)) copyFileSync(stateFile, `${stateFile}.backup`);
      const argv = ['apply', '-input=false', '-lock-timeout=60s', planFile];
      const { exitCode, words } = await shown('apply', argv);
      if (existsSync(erroredState(cwd)))
        throw new Failure(
          'E_APPLY',
          `${binary} apply could not write its state: the backend did not take it`,
          'an admin finds it in `state/` of the data directory, named `….errored.tfstate`: push it with `terraform state push` before anything else is planned',
        );
      if (exitCode !== 0) throw failed('E_APPLY', `${binary} apply`, exitCode, words);
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

/** The absolute path of a tool; a missing one is told with its name. */
export function binaryFile(binary: string, path: string): string {
  for (const directory of path.split(delimiter).filter(isAbsolute)) {
    const file = join(directory, binary);
    try {
      accessSync(file, constants.X_OK);
      if (statSync(file).isFile()) return file;
    } catch {
      // Not here.
    }
  }
  throw new Failure(
    'E_BINARY_MISSING',
    `\`${binary}\` is not installed where the worker looks`,
    `install ${binary} in a directory of the server's PATH, or have an admin set another \`binary\` for this path`,
  );
}

function wrappedFile(path: string): string {
  try {
    return binaryFile('terraform', path);
  } catch {
    return binaryFile('tofu', path);
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

/** Only tells one failure from another; that it failed is what the exit code says. */
function failed(code: ErrorCode, step: string, exitCode: number | undefined, words: string): Failure {
  if (/no space left on device/i.test(words)) return diskFull;
  if (code === 'E_INIT' && /Provider dependency changes detected|inconsistent dependency lock file/i.test(words))
    return new Failure(
      'E_LOCK_FILE',
      'the dependency lock file does not cover the providers of this stack',
      "run `terraform providers lock` for the worker's platform and commit `.terraform.lock.hcl`",
    );
  if (code === 'E_APPLY' && /Saved plan is stale/i.test(words))
    return new Failure(
      'E_PLAN_STALE',
      'the plan no longer fits: the state has changed since it was made',
      'plan again, look at it, then apply',
    );
  const module = code === 'E_INIT' ? moduleFailure(words) : undefined;
  if (module !== undefined) return module;
  const how = exitCode === undefined ? 'was killed' : `ended with exit code ${exitCode}`;
  return new Failure(code, `${step} ${how}`, 'the reason is in the output above');
}
