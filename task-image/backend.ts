/** The backend is the policy's choice: what `init` has set up is compared with it, and anything else is refused. */
import { join } from 'node:path';
import type { StackSettings } from '../policies/allowlist.ts';
import { Failure } from './failure.ts';
import { readIfThere } from './read-file.ts';

interface Backend {
  readonly type: string;
  /** The settings that are set. */
  readonly config: Readonly<Record<string, unknown>>;
}

/** Terraform's own record of the backend it was initialised with; none where there is none. */
export function readBackendRecord(directory: string): Backend | undefined {
  const text = readIfThere(join(directory, 'terraform.tfstate'));
  const { backend } = JSON.parse(text ?? '{}') as { backend?: { type?: string; config?: object } };
  if (backend?.type === undefined) return undefined;
  const set = Object.entries(backend.config ?? {}).filter(([, value]) => value !== null && value !== undefined);
  return { type: backend.type, config: Object.fromEntries(set) };
}

/** After `init`, from Terraform's own record in its data directory; answers whether the state is kept by this machine. */
export function checkBackend(
  { backend: wanted, binary }: StackSettings,
  directory: string,
  mayBeLocal: boolean,
): boolean {
  const refused = (message: string, fix: string) => new Failure('E_BACKEND_NOT_ALLOWED', message, fix);
  const actual = readBackendRecord(directory);
  if (actual === undefined) {
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
  const set = Object.entries(actual.config);
  const other = set.find(([key, value]) => wanted.config[key] !== String(value));
  const missing = Object.keys(wanted.config).find(key => !set.some(([name]) => name === key));
  if (actual.type !== wanted.type || other || missing !== undefined)
    throw refused(
      `the backend is not what the policy says: ${actual.type === wanted.type ? `\`${other?.[0] ?? missing}\` differs` : `type \`${actual.type}\``}`,
      'leave out of the backend block what the policy fills in, and what it does not name',
    );
  return false;
}
