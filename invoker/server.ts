#!/usr/bin/env -S node --disable-warning=ExperimentalWarning
/** Entry point `infra-deployer-server`: the control plane on one machine. The only place of it that sees process. */
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { version } from '../policies/contract/version.ts';

const help = `infra-deployer-server --policy policies/allowlist.yaml --data-dir /var/lib/infra-deployer

Runs plans and applies for callers of infra-deployer, on this machine.

  --policy FILE          who may do what; read again when it changes, a broken edit keeps the last good one
  --data-dir DIR         everything it keeps: ledger, logs, plans, states, keys; server.json has url and tokens
  --host ADDRESS         where to listen (127.0.0.1)
  --port NUMBER          0: the port of last time, or a free one (0)
  --workers NUMBER       runs at the same time (4)
  --lease-seconds NUMBER a worker that was not heard of for so long is lost (15)
  --help, --version
`;

/** A mistake of whoever starts the server: told in one line, without a stack. */
class UsageError extends Error {}

function optionsOf(argv: readonly string[]) {
  const { values } = parseArgs({
    args: [...argv],
    options: {
      policy: { type: 'string' },
      'data-dir': { type: 'string' },
      host: { type: 'string', default: '127.0.0.1' },
      port: { type: 'string', default: '0' },
      workers: { type: 'string', default: '4' },
      'lease-seconds': { type: 'string', default: '15' },
      help: { type: 'boolean', default: false },
      version: { type: 'boolean', default: false },
    },
  });
  const number = (name: 'port' | 'workers' | 'lease-seconds', least: number, most: number): number => {
    const value = Number(values[name]);
    if (!Number.isInteger(value) || value < least || value > most)
      throw new UsageError(`--${name} is a whole number from ${least} to ${most}`);
    return value;
  };
  return {
    ...values,
    port: number('port', 0, 65535),
    workers: number('workers', 1, 64),
    leaseMs: number('lease-seconds', 2, 600) * 1000,
  };
}

async function main(): Promise<void> {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  if (major < 22 || (major === 22 && minor < 18))
    throw new UsageError(
      `Node 22.18 or newer is needed, this is ${process.versions.node}; fix: npx -y -p node@24 -- node …`,
    );
  const options = optionsOf(process.argv.slice(2));
  if (options.help) return void process.stdout.write(help);
  if (options.version) return void process.stdout.write(`${version}\n`);
  if (options.policy === undefined || options['data-dir'] === undefined)
    throw new UsageError('--policy FILE and --data-dir DIR are needed; fix: see --help');
  // Whoever read our words may be gone: that is no reason to end what is running.
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {});
  process.umask(0o077);
  // Loaded late, so that a Node without `node:sqlite` is told what is wrong rather than what is missing.
  const { startControlPlane } = await import('./embedded/control-plane.ts');
  const { url, stop } = await startControlPlane({
    policyFile: resolve(options.policy),
    dataDir: resolve(options['data-dir']),
    host: options.host,
    port: options.port,
    leaseMs: options.leaseMs,
    workers: options.workers,
    workerEntry: fileURLToPath(new URL('./worker.js', import.meta.url)),
    path: process.env.PATH ?? '/usr/local/bin:/usr/bin:/bin',
    logger: { stream: process.stderr },
    now: Date.now,
  });
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => void stop());
  process.stdout.write(`infra-deployer-server listening on ${url}\n`);
}

try {
  await main();
} catch (error) {
  const { code, message } = error as NodeJS.ErrnoException;
  const isUsage = error instanceof UsageError || code?.startsWith('ERR_PARSE_ARGS') === true;
  process.stderr.write(
    `infra-deployer-server: ${code === 'EADDRINUSE' ? `${message}; fix: choose another --port` : message}\n`,
  );
  process.exitCode = isUsage ? 3 : 1;
}
