/** Where the deploy server is. */
import { tokenFix } from './arguments.ts';
import { done, fail, type Outcome } from './failure.ts';
import { functionAddress, isFunction } from './function-address.ts';
import type { Given, Setting } from './given.ts';

export function findServer(given: Given): Outcome<Setting> {
  const setting = given.get('server');
  if (!setting) {
    return fail(
      'E_SETTINGS',
      'no server is set',
      'set INFRA_DEPLOYER_SERVER or --server to the url of the deploy server, or to lambda:NAME of its function on AWS;\n' +
        'start one with  infra-deployer-server --policy FILE --data-dir DIR  and find its url and token in DIR/server.json',
    );
  }
  const { value, source } = setting;
  if (isFunction(value)) {
    return functionAddress(value)
      ? done(setting)
      : fail('E_SETTINGS', `\`${source}\` does not name a function and alias of AWS: \`${value}\``, functionFix);
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

const urlFix = 'write  http(s)://host[:port]  or  lambda:NAME';
const functionFix = 'write  lambda:NAME,  lambda:NAME:ALIAS  or  lambda:arn:aws:lambda:REGION:ACCOUNT:function:NAME';

/** Whether a token sent there could be read on the way. */
export function travelsInClear(server: string): boolean {
  const { protocol, hostname } = new URL(server);
  return protocol === 'http:' && !/^(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])$/.test(hostname);
}
