/** A private SSH server on loopback that serves git with one deploy key, the way a git host does. */
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { type Child, startChild } from './child.ts';
import { cleanEnvironment, gitEnvironment } from './environment.ts';
import { freePort } from './free-port.ts';
import { temporaryDirectory } from './temporary-directory.ts';
import { whereIs } from './where-is.ts';

export interface Sshd {
  readonly port: number;
  readonly user: string;
  /** The one line that pins the server's host key as it is now. */
  readonly knownHosts: string;
  readonly deployKeyFile: string;
  /** Makes a key that reads this one repository, as a read-only deploy key does; answers its file. */
  keyOf(repositoryDir: string): string;
  /** The ssh:// url of a repository given by its absolute path. */
  url(repositoryDir: string): string;
  log(): string;
  /** Restarts on the same port with another host key, as an impostor would. */
  newHostKey(): Promise<void>;
  /** Starts again on the same port after `stop`. */
  start(): Promise<void>;
  stop(): Promise<void>;
}

const daemon = '/usr/sbin/sshd';

/** Why a private sshd cannot run on this machine, or undefined when it can. */
export function sshdMissing(): string | undefined {
  if (!existsSync(daemon)) return `${daemon} is missing (package openssh-server)`;
  return ['ssh', 'ssh-keygen', 'git-shell'].filter(tool => !whereIs(tool)).map(tool => `${tool} is not on the PATH`)[0];
}

export async function startSshd(): Promise<Sshd> {
  const dir = temporaryDirectory('sshd');
  const port = await freePort();
  const user = userInfo().username;
  const hostKey = join(dir, 'host_key');
  const deployKeyFile = join(dir, 'deploy_key');
  const config = join(dir, 'sshd_config');
  newKey(hostKey);
  newKey(deployKeyFile);
  const admit = (keyFile: string, command: string) =>
    writeFileSync(
      join(dir, 'authorized_keys'),
      `command="${command.replaceAll('"', '\\"')}",restrict ${readFileSync(`${keyFile}.pub`, 'utf8')}`,
      { mode: 0o600, flag: 'a' },
    );
  admit(deployKeyFile, 'git-shell -c "$SSH_ORIGINAL_COMMAND"');
  writeFileSync(config, configuration(dir, port, hostKey));
  if (understands(config, 'PerSourcePenalties no')) writeFileSync(config, 'PerSourcePenalties no\n', { flag: 'a' });
  // As root sshd insists on its privilege separation directory, which only the service's start-up makes.
  if (process.getuid?.() === 0) mkdirSync('/run/sshd', { recursive: true, mode: 0o755 });

  let child: Child | undefined;
  let log = '';
  const start = async () => {
    child = startChild(daemon, ['-D', '-e', '-f', config], cleanEnvironment());
    await child.until(/Server listening on 127\.0\.0\.1/);
  };
  const stop = async () => {
    if (!child) return;
    const stopping = child;
    child = undefined;
    await stopping.end('SIGTERM');
    log += stopping.log();
  };
  await start();
  return {
    port,
    user,
    get knownHosts() {
      const [type, key] = readFileSync(`${hostKey}.pub`, 'utf8').split(' ');
      return `[127.0.0.1]:${port} ${type} ${key}`;
    },
    deployKeyFile,
    keyOf: repositoryDir => {
      const file = join(temporaryDirectory('key'), 'deploy_key');
      newKey(file);
      const read = `git-upload-pack '${repositoryDir}'`;
      admit(file, `[ "$SSH_ORIGINAL_COMMAND" = "${read}" ] && ${read}`);
      return file;
    },
    url: repositoryDir => `ssh://${user}@127.0.0.1:${port}${repositoryDir}`,
    log: () => log + (child?.log() ?? ''),
    async newHostKey() {
      await stop();
      newKey(hostKey);
      await start();
    },
    start,
    stop,
  };
}

function newKey(file: string): void {
  for (const old of [file, `${file}.pub`]) rmSync(old, { force: true });
  execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', 'test', '-f', file], { env: cleanEnvironment() });
}

/**
 * SetEnv gives git-shell and git the PATH and the empty configuration that the tests' own git has; and a bash that is not
 * the outermost one does not read the .bashrc of whoever runs the tests.
 */
function configuration(dir: string, port: number, hostKey: string): string {
  const { PATH, GIT_CONFIG_GLOBAL, GIT_CONFIG_NOSYSTEM } = gitEnvironment();
  return `${[
    'ListenAddress 127.0.0.1',
    `Port ${port}`,
    `HostKey ${hostKey}`,
    `PidFile ${join(dir, 'sshd.pid')}`,
    `AuthorizedKeysFile ${join(dir, 'authorized_keys')}`,
    'AuthenticationMethods publickey',
    'PermitRootLogin forced-commands-only',
    'StrictModes no',
    'UsePAM no',
    'UseDNS no',
    'MaxStartups 100',
    'LogLevel VERBOSE',
    `SetEnv "PATH=${PATH}" SHLVL=2 GIT_CONFIG_GLOBAL=${GIT_CONFIG_GLOBAL} GIT_CONFIG_NOSYSTEM=${GIT_CONFIG_NOSYSTEM}`,
  ].join('\n')}\n`;
}

/** OpenSSH 9.8 began to shut out addresses that fail to authenticate, which is what some tests do on purpose. */
function understands(config: string, line: string): boolean {
  const option = line.replace(' ', '=');
  return spawnSync(daemon, ['-t', '-f', config, '-o', option], { env: cleanEnvironment() }).status === 0;
}
