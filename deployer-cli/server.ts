/** Where the deploy server is, and with what one may speak to it. */
import { readFileSync } from 'node:fs';
import { tokenFix } from './arguments.ts';
import { done, fail, type Outcome } from './failure.ts';
import type { Given, Setting } from './given.ts';
import type { Env } from './invocation.ts';

export function findServer(given: Given): Outcome<Setting> {
  const setting = given.get('server');
  if (!setting) {
    return fail(
      'E_SETTINGS',
      'no server is set',
      'set INFRA_DEPLOYER_SERVER or --server to the url of the deploy server;\n' +
        'start one with  infra-deployer-server --policy FILE --data-dir DIR  and find its url and token in DIR/server.json',
    );
  }
  const { value, source } = setting;
  if (value.startsWith('lambda:')) {
    return fail('E_SETTINGS', `\`${source}\` names a Lambda function: not in this version`, urlFix);
  }
  const url = URL.canParse(value) ? new URL(value) : undefined;
  if (!url || !/^https?:$/.test(url.protocol) || url.search || url.hash) {
    return fail('E_SETTINGS', `\`${source}\` is not the url of a server: \`${value}\``, urlFix);
  }
  // Not repeated in the message: it may hold a password.
  if (url.username || url.password) {
    return fail('E_SETTINGS', `\`${source}\` holds a user or password, which a server's url never does`, tokenFix);
  }
  return done({ value: url.href.replace(/\/+$/, ''), source });
}

const urlFix = 'write  http(s)://host[:port]';

/** An ID token says who asks, a token of the machine only that somebody holds it: reading and listing want the latter. */
const tokenNames = {
  ask: ['INFRA_DEPLOYER_ID_TOKEN', 'INFRA_DEPLOYER_TOKEN'],
  read: ['INFRA_DEPLOYER_TOKEN', 'INFRA_DEPLOYER_ID_TOKEN'],
} as const;

/** The token comes from the environment only: flags are seen by other processes, files of a repository by everyone. */
export function readToken(env: Env, use: keyof typeof tokenNames): Outcome<Setting> {
  const names = tokenNames[use].flatMap(name => [name, `${name}_FILE`]);
  const name = names.find(candidate => env[candidate]);
  const given = name && env[name];
  if (!name || !given) return fail('E_NO_TOKEN', 'no token is set', tokenFix);
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

/** Whether a token sent there could be read on the way. */
export function travelsInClear(server: string): boolean {
  const { protocol, hostname } = new URL(server);
  return protocol === 'http:' && !/^(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])$/.test(hostname);
}
