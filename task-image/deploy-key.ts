/** The deploy key: taken from its source into a file that only ssh reads, and gone before anything of the repository runs. */
import { execFile } from 'node:child_process';
import { existsSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import type { Session } from '../policies/contract/worker.ts';
import { Failure } from './failure.ts';
import { readSecret, type SecretWords } from './secret.ts';
import { pathValue, sshCommand } from './ssh-command.ts';

export interface DeployKey {
  /** What git runs as ssh; absent for a repository on this machine, which needs no key. */
  readonly sshCommand?: string;
  /** Closes the shared connection and removes the key. Throws when the key is still there afterwards. */
  readonly drop: () => Promise<void>;
}

export interface KeySource {
  readonly url: string;
  readonly deployKey?: string;
  readonly knownHosts?: string;
}

export const isLocalUrl = (url: string): boolean => url.startsWith('/');

/** `hide` keeps the key out of everything that is told; `session` reads it where it is a secret of AWS. */
export async function takeDeployKey(
  source: KeySource,
  runDir: string,
  hide: (secret: string) => void,
  session?: Session,
): Promise<DeployKey> {
  if (isLocalUrl(source.url)) return { drop: async () => {} };
  const files = { key: join(runDir, 'k'), hosts: join(runDir, 'hosts'), socket: join(runDir, 's') };
  writeFileSync(files.hosts, `${source.knownHosts ?? ''}\n`, { mode: 0o600 });
  const key = await readKey(source.deployKey, session);
  hide(key);
  writeFileSync(files.key, key, { mode: 0o600 });
  return {
    sshCommand: sshCommand({
      IdentitiesOnly: 'yes',
      IdentityAgent: 'none',
      IdentityFile: pathValue(files.key),
      UserKnownHostsFile: pathValue(files.hosts),
      ControlMaster: 'auto',
      ControlPath: pathValue(files.socket),
      ControlPersist: '60',
    }),
    drop: async () => {
      rmSync(files.key, { force: true });
      if (existsSync(files.socket))
        await promisify(execFile)(
          'ssh',
          ['-F', '/dev/null', '-o', `ControlPath=${pathValue(files.socket)}`, '-O', 'exit', 'any'],
          {
            timeout: 5000,
          },
        ).catch(() => {});
      rmSync(files.hosts, { force: true });
      // The master answers first and removes its socket then.
      for (let waits = 0; existsSync(files.socket) && waits < 100; waits += 1) await sleep(20);
      // INVARIANT: no key and no open connection is left when Terraform starts.
      if (existsSync(files.key) || existsSync(files.socket))
        throw new Failure('E_WORKER', 'the deploy key could not be removed');
    },
  };
}

/** A key without a last line end, or with Windows line ends, is refused by ssh as if it were another key. */
export async function readKey(place = '', session?: Session): Promise<string> {
  const text = await readSecret(place, session, keyWords);
  // What the console of AWS makes of a key unless it is told to keep it as plain text.
  if (text.trimStart().startsWith('{'))
    throw new Failure(
      'E_DEPLOY_KEY',
      'the deploy key is a JSON object',
      'have an admin store the private key itself in the place that `deploy_key` of the policy names, as plain text',
    );
  return `${text.replaceAll('\r\n', '\n').trimEnd()}\n`;
}

const keyWords: SecretWords = {
  code: 'E_DEPLOY_KEY',
  what: 'the deploy key',
  fix: 'have an admin put the private key into the place that `deploy_key` of the policy names',
};
