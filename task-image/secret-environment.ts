/** What secrets put into Terraform's environment: of each only the values of the keys that the policy names. */
import { realpathSync, statSync } from 'node:fs';
import type { Session } from '../policies/contract/worker.ts';
import type { EnvSecret } from '../policies/run-as.ts';
import { parseStrictJson } from '../policies/strict-json.ts';
import { Failure } from './failure.ts';
import { isProgram } from './sandbox.ts';
import { readSecret, type SecretWords } from './secret.ts';

/** Reads each secret once. Every value is hidden before it is used; no failure tells one. */
export async function secretEnvironment(
  wanted: readonly EnvSecret[],
  session: Session | undefined,
  hide: (secret: string) => void,
): Promise<Record<string, string>> {
  const filled = [...Map.groupBy(wanted, ({ secret }) => secret)].map(async ([place, variables]) => {
    const words = wordsFor(variables.map(({ name }) => `\`${name}\``).join(' and '));
    refuseInReach(place, words);
    const values = objectIn(await readSecret(place, session, words), words);
    return variables.map(({ name, key }) => [name, textAt(values, key, place, name)] as const);
  });
  const environment = (await Promise.all(filled)).flat();
  for (const [, value] of environment) hide(value);
  return Object.fromEntries(environment);
}

const wordsFor = (names: string): SecretWords => ({
  code: 'E_CREDENTIALS',
  what: `the secret for ${names}`,
  fix: 'have an admin put a JSON object into the place that `env_secrets` of the policy names',
});

/** What Terraform could read by itself is more than the keys that it is given. */
function refuseInReach(place: string, { code, what }: SecretWords): void {
  if (!place.startsWith('file:')) return;
  const file = place.slice('file:'.length);
  const found = statSync(file, { throwIfNoEntry: false });
  if (found === undefined || ((found.mode & 0o077) === 0 && !isProgram(realpathSync(file)))) return;
  throw new Failure(
    code,
    `${what} is in a file that others than the server may read`,
    'have an admin move it to a directory of its own, not one of programs, with mode 0600',
  );
}

function objectIn(text: string, { code, what, fix }: SecretWords): ReadonlyMap<string, unknown> {
  const read = parseStrictJson(text);
  const value = read.ok ? read.value : undefined;
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return new Map(Object.entries(value));
  throw new Failure(code, `${what} is not one JSON object`, fix);
}

function textAt(values: ReadonlyMap<string, unknown>, key: string, place: string, name: string): string {
  const value = values.get(key);
  if (typeof value === 'string' && value !== '' && !value.includes('\0')) return value;
  const secret = place.startsWith('file:') ? 'the file' : `the secret \`${place.split(':').at(-1)}\``;
  throw new Failure(
    'E_CREDENTIALS',
    `${secret} for \`${name}\` has no text at its key \`${key}\``,
    'have an admin put it there, or correct `key` in the policy',
  );
}
