import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync } from 'node:fs';
import { connect } from 'node:net';
import { dirname, join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { relayAgent } from '../../task-image/agent-relay.ts';
import { takeModuleKeys } from '../../task-image/module-keys.ts';
import { requires } from '../support/requirements.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { runDirectory, runId } from './parts.ts';

const user = { uid: 64_321, gid: 64_322 };
const path = process.env.PATH ?? '/usr/bin:/bin';

/** What a program says as that user, or as another one. */
function as(who: { uid: number; gid: number }, argv: readonly string[], env: Record<string, string>) {
  const words = ['--reuid', `${who.uid}`, '--regid', `${who.gid}`, '--clear-groups', ...argv];
  const { stdout, stderr, status } = spawnSync('setpriv', words, {
    env: { PATH: path, ...env },
    encoding: 'utf8',
    cwd: '/',
  });
  return { stdout, stderr, status };
}

/** Every directory above lets others pass, as those around a worker's do. */
function passable(directory: string): string {
  for (let above = directory; above !== '/'; above = dirname(above))
    if (above.includes('idt-')) chmodSync(above, 0o711);
  return directory;
}

describe.skipIf(requires('root', 'sshd'))('an agent of the worker, for the user of the tool', () => {
  let key: string;
  beforeAll(() => {
    key = join(temporaryDirectory('key'), 'id');
    execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', 'the key', '-f', key]);
  });

  test('answers through its relay, and nobody else there', async () => {
    const directory = passable(temporaryDirectory('relay'));
    const [agent, socket] = [join(directory, 'agent'), join(directory, 'relay')];
    const child = spawn('ssh-agent', ['-D', '-a', agent], { stdio: 'ignore' });
    try {
      await expect.poll(() => existsSync(agent)).toBe(true);
      execFileSync('ssh-add', ['-q', key], { env: { SSH_AUTH_SOCK: agent, PATH: path } });
      const relay = await relayAgent(agent, socket, user);
      chmodSync(agent, 0o666);
      expect(as(user, ['ssh-add', '-l'], { SSH_AUTH_SOCK: agent }).stdout).not.toContain('the key');
      const list = spawn('setpriv', ['--reuid', '64321', '--regid', '64322', '--clear-groups', 'ssh-add', '-l'], {
        env: { PATH: path, SSH_AUTH_SOCK: socket },
        cwd: '/',
      });
      const [said] = await once(list.stdout, 'data');
      expect(`${said}`).toContain('the key');
      expect(as({ uid: 64_323, gid: 64_322 }, ['ssh-add', '-l'], { SSH_AUTH_SOCK: socket }).stderr).toContain(
        'Permission denied',
      );
      const open = connect(socket);
      await once(open, 'connect');
      const closed = once(open, 'close');
      await relay.end();
      await closed;
      expect(existsSync(socket)).toBe(false);
    } finally {
      child.kill();
    }
  });

  test('has its keys in no file that the user could read, and is gone afterwards', async () => {
    const runDir = passable(runDirectory());
    const modules = [
      { url: 'git@git.example.com:acme/a.git', deployKey: `file:${key}`, knownHosts: 'git.example.com x y' },
    ];
    const keys = await takeModuleKeys({ modules, moduleSources: [], runDir, runId, path, hide: () => {}, user });
    const directory = join(runDir, 'm');
    const readable = as(user, ['sh', '-c', `cat ${directory}/ssh ${directory}/0.hosts && ls ${directory}`], {});
    expect(readable.stdout).toContain(`IdentityAgent="${directory}/0.relay"`);
    expect(readable.stdout).toContain('git.example.com x y');
    expect(readable.stdout).not.toContain('PRIVATE KEY');
    expect(readable.stderr).toContain('Permission denied');
    await keys.drop();
    expect(existsSync(directory)).toBe(false);
  });
});
