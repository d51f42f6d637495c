/** Terraform's own steps: fixed argument lists, judged by exit codes and files, never by what is printed. */
import { accessSync, constants, readFileSync, statfsSync, statSync, symlinkSync } from 'node:fs';
import { delimiter, isAbsolute, join } from 'node:path';
import type { StackSettings } from '../policies/allowlist.ts';
import type { ErrorCode } from '../policies/contract/error.ts';
import type { Phase } from '../policies/contract/run.ts';
import type { Control } from './control.ts';
import { dataDir, toolEnvironment } from './environment.ts';
import { diskFull, Failure } from './failure.ts';
import { lineSplitter } from './output.ts';
import { runTool } from './subprocess.ts';

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

export interface Terraform {
  readonly init: () => Promise<void>;
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

  const run = async (
    argv: readonly string[],
    output: (chunk: Buffer, stream: 'stdout' | 'stderr') => Promise<void> | void,
  ) => (await runTool({ file, argv, cwd, env, stop: control.stop, graceMs: control.claimed.graceMs, output })).exitCode;

  /** Runs with the output shown to the caller; answers the exit code and the last words, for telling failures apart. */
  const shown = async (phase: Phase, argv: readonly string[]) => {
    let words = '';
    const line = (text: string) => {
      words = `${words}\n${text}`.slice(-64 * 1024);
      return control.line({ phase, text });
    };
    const streams = { stdout: lineSplitter(line), stderr: lineSplitter(line) };
    const exitCode = await run(argv, (chunk, stream) => streams[stream].write(chunk));
    await streams.stdout.end();
    await streams.stderr.end();
    return { exitCode, words };
  };

  const captured = async (argv: readonly string[]): Promise<string> => {
    const chunks: Buffer[] = [];
    const exitCode = await run(argv, (chunk, stream) => void (stream === 'stdout' && chunks.push(chunk)));
    if (exitCode === 0) return Buffer.concat(chunks).toString('utf8');
    // Terraform says nothing of a plan file that it could not write whole, only that it cannot read it.
    if (statfsSync(runDir).bavail === 0) throw diskFull;
    throw new Failure('E_PLAN', `${binary} ${argv[0]} failed`, 'plan again; if it stays, ask an admin to look at it');
  };

  return {
    init: async () => {
      if (settings.version !== undefined) checkVersion(settings.version, await captured(['version', '-json']), binary);
      const fill = Object.entries(settings.backend?.config ?? {}).map(
        ([key, value]) => `-backend-config=${key}=${value}`,
      );
      const { exitCode, words } = await shown('init', ['init', '-input=false', '-lockfile=readonly', ...fill]);
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
      const argv = ['apply', '-input=false', '-lock-timeout=60s', planFile];
      const { exitCode, words } = await shown('apply', argv);
      if (exitCode !== 0) throw failed('E_APPLY', `${binary} apply`, exitCode, words);
    },
    serial: async () => {
      const text =
        isLocal && stateFile !== undefined
          ? readIfThere(stateFile)
          : await captured(['state', 'pull']).catch(() => undefined);
      const serial = text ? (JSON.parse(text) as { serial?: unknown }).serial : undefined;
      return typeof serial === 'number' ? serial : undefined;
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
  const how = exitCode === undefined ? 'was killed' : `ended with exit code ${exitCode}`;
  return new Failure(code, `${step} ${how}`, 'the reason is in the output above');
}

interface BackendRecord {
  readonly backend?: { readonly type?: string; readonly config?: Readonly<Record<string, unknown>> };
}

/**
 * Compares what `init` has set up with what the policy says; answers whether the state is kept by this machine. A
 * backend is the policy's choice: one that it does not name is refused.
 */
function checkBackend({ backend: wanted, binary }: StackSettings, directory: string, mayBeLocal: boolean): boolean {
  const refused = (message: string, fix: string) => new Failure('E_BACKEND_NOT_ALLOWED', message, fix);
  const text = readIfThere(join(directory, 'terraform.tfstate'));
  const actual = text === undefined ? undefined : (JSON.parse(text) as BackendRecord).backend;
  if (actual?.type === undefined) {
    if (wanted)
      throw refused(
        'the stack declares no backend, the policy wants one',
        `add \`backend "${wanted.type}" {}\` to the stack`,
      );
    if (!mayBeLocal || binary === 'terragrunt')
      throw refused('the stack has no remote backend', 'declare one, and have an admin name it in the policy');
    return true;
  }
  if (!wanted)
    throw refused(
      `the stack declares backend \`${actual.type}\`, the policy names none for this path`,
      actual.type === 'local'
        ? 'remove the backend block: the server keeps the state of a stack that has none'
        : 'have an admin add `backend: {type, config}` to the `stacks` entry of this path',
    );
  const set = Object.entries(actual.config ?? {}).filter(([, value]) => value !== null && value !== undefined);
  const other = set.find(([key, value]) => wanted.config[key] !== String(value));
  const missing = Object.keys(wanted.config).find(key => !set.some(([name]) => name === key));
  if (actual.type !== wanted.type || other || missing !== undefined)
    throw refused(
      `the backend is not what the policy says: ${actual.type === wanted.type ? `\`${other?.[0] ?? missing}\` differs` : `type \`${actual.type}\``}`,
      'make the backend block equal to the policy, or leave out what the policy fills in',
    );
  return false;
}

function readIfThere(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
}
