/** moto, the AWS that tests keep their stores in, as `install-moto.sh` puts it into the user's cache. */
import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { startChild } from '../child.ts';
import { cleanEnvironment } from '../environment.ts';

export interface Moto {
  /** For SDK clients that fill the stores; any credentials will do, and every action is allowed. */
  readonly url: string;
  /** Forgets everything. */
  reset(): Promise<void>;
  stop(): Promise<void>;
}

/** Why tests on AWS cannot run, or undefined when they can. */
export const motoMissing = (): string | undefined =>
  existsSync(program())
    ? undefined
    : 'no moto (test/support/aws/install-moto.sh installs it; it needs python3 and python3-venv)';

/** Everything in it belongs to the account. */
export async function startMoto({ account = '123456789012' } = {}): Promise<Moto> {
  const child = startChild(program(), ['-H', '127.0.0.1', '-p', '0'], {
    ...cleanEnvironment(),
    MOTO_ACCOUNT_ID: account,
    PYTHONUNBUFFERED: '1',
  });
  const [, url = ''] = await child.until(/Running on (http:\/\/127\.0\.0\.1:\d+)/, 60_000);
  return {
    url,
    async reset() {
      await fetch(`${url}/moto-api/reset`, { method: 'POST' });
    },
    async stop() {
      await child.end('SIGKILL');
    },
  };
}

function program(): string {
  const cache = process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache');
  const requirements = readFileSync(join(import.meta.dirname, 'moto-requirements.txt'));
  const name = createHash('sha256').update(requirements).digest('hex').slice(0, 16);
  return join(cache, 'infra-deployer', `moto-${name}`, 'bin', 'moto_server');
}
