/** With what one may speak to a deploy server. */
import { readFileSync } from 'node:fs';
import { tokenFix } from './arguments.ts';
import { done, fail, type Outcome } from './failure.ts';
import { isFunction } from './function-address.ts';
import type { Setting } from './given.ts';
import type { Env } from './invocation.ts';

/** An ID token says who asks, a token of the machine only that somebody holds it: reading and listing want the latter. */
const tokenNames = {
  ask: ['INFRA_DEPLOYER_ID_TOKEN', 'INFRA_DEPLOYER_TOKEN'],
  read: ['INFRA_DEPLOYER_TOKEN', 'INFRA_DEPLOYER_ID_TOKEN'],
} as const;

/**
 * The token comes from the environment only: flags are seen by other processes, files of a repository by everyone. On AWS
 * there may be none: who may invoke the function may read, and may ask where the policy trusts that.
 */
export function findToken(env: Env, use: keyof typeof tokenNames, server: string): Outcome<Setting | undefined> {
  const names = tokenNames[use].flatMap(name => [name, `${name}_FILE`]);
  const name = names.find(candidate => env[candidate]);
  if (!isFunction(server))
    return name === undefined ? fail('E_NO_TOKEN', 'no token is set', tokenFix) : read(env, name);
  if (use === 'read' || name === undefined) return done(undefined);
  return name.startsWith('INFRA_DEPLOYER_ID_TOKEN')
    ? read(env, name)
    : fail(
        'E_NO_TOKEN',
        `\`${name}\` is for a server on one machine, and means nothing to a function of AWS`,
        idTokenFix,
      );
}

const idTokenFix =
  "set INFRA_DEPLOYER_ID_TOKEN to the job's ID token; where the policy says `trust_invoker`, set neither";

function read(env: Env, name: string): Outcome<Setting> {
  const given = env[name] ?? '';
  let value = given;
  if (name.endsWith('_FILE')) {
    try {
      value = readFileSync(given, 'utf8').trim();
    } catch {
      return fail('E_NO_TOKEN', `the file of \`${name}\` cannot be read: \`${given}\``, tokenFix);
    }
  }
  // A header carries it: RFC 9110, 5.5. The value itself is never printed.
  if (!/^[\x21-\x7e]{1,8192}$/.test(value)) {
    return fail(
      'E_NO_TOKEN',
      `\`${name}\` does not hold a token`,
      'look for a space, a line end or a missing value in it',
    );
  }
  return done({ value, source: name });
}
