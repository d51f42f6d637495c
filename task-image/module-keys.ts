/** The keys of private module repositories: each in an ssh-agent of its own while `init` runs, and gone before anything else does. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ModuleRepository } from '../policies/allowlist.ts';
import type { Session } from '../policies/contract/worker.ts';
import { type AgentRelay, relayAgent } from './agent-relay.ts';
import { readKey } from './deploy-key.ts';
import { Failure } from './failure.ts';
import type { ToolUser } from './isolation.ts';
import { moduleGit } from './module-git.ts';
import { moduleSsh } from './module-ssh.ts';
import { quote } from './ssh-command.ts';

export interface ModuleKeys {
  /** What Terraform's git needs during `init`, in place of what `toolEnvironment` has. */
  readonly environment: Readonly<Record<string, string>>;
  /** What a sandbox must show during `init`, read-only: the sockets, and how ssh is called. */
  readonly paths: readonly string[];
  /** Ends the agents and removes their sockets. Throws when one of either is still there afterwards. */
  readonly drop: () => Promise<void>;
}

export interface ModuleParts {
  readonly modules: readonly ModuleRepository[];
  /** What the stack may take modules from besides: all of it is fetched by https. */
  readonly moduleSources: readonly string[];
  readonly runDir: string;
  readonly runId: string;
  readonly path: string;
  /** Told every key before it is used: no output may show it. */
  readonly hide: (secret: string) => void;
  /** Who Terraform's git runs as, where that is another user than the worker. */
  readonly user?: ToolUser;
  /** Reads the keys that are secrets of AWS. */
  readonly session?: Session | undefined;
}

export async function takeModuleKeys(parts: ModuleParts): Promise<ModuleKeys> {
  const { modules, moduleSources, runDir, runId, path, hide, user, session } = parts;
  const https = moduleSources.length > 0 ? (['https'] as const) : [];
  if (modules.length === 0) return { environment: moduleGit(https), paths: [], drop: async () => {} };
  const keyed = await Promise.all(
    modules.map(async module => ({ ...module, key: await readKey(module.deployKey, session) })),
  );
  for (const { key } of keyed) hide(key);
  const directory = join(runDir, 'm');
  mkdirSync(directory, { mode: 0o700 });
  const reached = keyed.map(({ url, knownHosts, key }, at) => {
    const hosts = join(directory, `${at}.hosts`);
    writeFileSync(hosts, `${knownHosts}\n`, { mode: 0o600 });
    const agent = join(directory, `${at}`);
    return { url, key, hosts, agent, socket: user === undefined ? agent : `${agent}.relay` };
  });
  writeFileSync(join(directory, 'ssh'), moduleSsh(reached), { mode: 0o600 });
  if (user !== undefined) show(directory, ['ssh', ...reached.map(({ hosts }) => basename(hosts))]);
  const env = { PATH: path, LANG: 'C', INFRA_DEPLOYER_RUN: runId };
  const agents = startAgents(
    reached.map(({ agent }) => agent),
    env,
  );
  const relays: AgentRelay[] = [];
  const end = async () => {
    await Promise.all(relays.map(relay => relay.end()));
    await endAgents(agents);
    rmSync(directory, { recursive: true, force: true });
    // INVARIANT: no agent and no socket is left when Terraform plans or applies.
    if (isThere(agents) || existsSync(directory))
      throw new Failure('E_WORKER', 'the keys of the modules could not be removed');
  };
  let ending: Promise<void> | undefined;
  // Once: later their process ids may be somebody else's.
  const drop = () => {
    ending ??= end();
    return ending;
  };
  try {
    for (const { key, url, agent } of reached) await addKey(key, url, { ...env, SSH_AUTH_SOCK: agent });
    if (user !== undefined) for (const { agent, socket } of reached) relays.push(await relayAgent(agent, socket, user));
  } catch (error) {
    await drop();
    throw error;
  }
  const environment = {
    ...moduleGit(['ssh', ...https]),
    GIT_SSH_COMMAND: `sh ${quote(join(directory, 'ssh'))}`,
    GIT_SSH_VARIANT: 'ssh',
  };
  return { environment, paths: [directory], drop };
}

/** To be passed through and read, by name; nothing in there is secret but what the agents keep. */
function show(directory: string, names: readonly string[]): void {
  chmodSync(directory, 0o711);
  for (const name of names) chmodSync(join(directory, name), 0o644);
}

/** The agents live as long as the pipe to their parent is open: they end with the worker, however that ends. */
function startAgents(sockets: readonly string[], env: Record<string, string>): ChildProcess {
  const script = `for socket; do ssh-agent -D -a "$socket" & agents="$agents $!"; done; read -r _; kill $agents; wait`;
  const agents = spawn('/bin/sh', ['-c', script, 'sh', ...sockets], {
    env,
    stdio: ['pipe', 'ignore', 'ignore'],
    detached: true,
  });
  // Whoever asks them tells that they are not there.
  agents.on('error', () => {});
  return agents;
}

async function endAgents(agents: ChildProcess): Promise<void> {
  agents.stdin?.destroy();
  for (let waits = 0; isThere(agents) && waits < 250; waits += 1) {
    if (waits === 150) signal(agents, 'SIGKILL');
    await sleep(20);
  }
}

const isThere = (agents: ChildProcess): boolean => signal(agents, 0);

/** Whether the group of the agents had somebody to take the signal. */
function signal({ pid }: ChildProcess, name: NodeJS.Signals | 0): boolean {
  try {
    return pid !== undefined && process.kill(-pid, name);
  } catch {
    return false;
  }
}

/** By standard input: the key is never in a file. An agent that has only just been started may not answer yet. */
async function addKey(key: string, url: string, env: Record<string, string>): Promise<void> {
  for (let tries = 0; tries < 500; tries += 1) {
    // Without a terminal, which a session of its own has not, nobody is asked for a passphrase.
    const child = spawn('ssh-add', ['-q', '-'], {
      env,
      stdio: ['pipe', 'ignore', 'ignore'],
      detached: true,
      timeout: 10_000,
    });
    child.stdin.on('error', () => {});
    child.stdin.end(key);
    const [code] = (await once(child, 'exit')) as [number | null];
    if (code === 0) return;
    if (code !== noAgent)
      throw new Failure(
        'E_DEPLOY_KEY',
        `the deploy key of the module repository \`${url}\` is no private key, or needs a passphrase`,
        'have an admin put a private key without a passphrase into the place that `deploy_key` of the policy names',
      );
    await sleep(20);
  }
  throw new Failure('E_WORKER', 'the agent for the keys of the modules did not start');
}

/** The exit code of ssh-add(1) when nobody answers at the socket. */
const noAgent = 2;
