import { execFileSync } from 'node:child_process';
import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { unlisted } from '../../task-image/module-git.ts';
import { moduleSsh } from '../../task-image/module-ssh.ts';
import { gitEnvironment } from '../support/environment.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

const modules = [
  'git@git.example.com:acme/network.git',
  'ssh://git@git.example.com:2222/acme/dns.git',
  'ssh://git@git.example.com/~anna/own',
  'git@other.example.com:acme/network.git',
].map((url, at) => ({ url, socket: `/run/m/${at}`, hosts: `/run/m/${at}.hosts` }));

const directory = temporaryDirectory('ssh');
const script = join(directory, 'script');
writeFileSync(script, moduleSsh(modules));
/** An ssh that only says what it was asked: agent, port, host, command. */
const fake = join(directory, 'ssh');
writeFileSync(fake, '#!/bin/sh\nprintf "%s\\n" "ran" "$@" >&2\nexit 9\n');
chmodSync(fake, 0o755);

function end(file: string, args: readonly string[], more: Record<string, string>): string {
  const env = gitEnvironment({ PATH: `${directory}:/usr/bin:/bin`, ...more });
  try {
    execFileSync(file, args, { env, stdio: 'pipe' });
    return 'it went well';
  } catch (error) {
    return String((error as { stderr: Buffer }).stderr);
  }
}

const git = (url: string) =>
  end('git', ['-c', 'protocol.version=2', 'ls-remote', '--', url], {
    GIT_SSH_COMMAND: `sh '${script}'`,
    GIT_SSH_VARIANT: 'ssh',
    GIT_ALLOW_PROTOCOL: 'ssh',
  });

describe('the ssh of a module', () => {
  test.each([
    ['ssh://git@git.example.com/acme/network.git', 0, '22', 'git@git.example.com', 'acme/network.git'],
    ['ssh://git@git.example.com/acme/network', 0, '22', 'git@git.example.com', 'acme/network.git'],
    ['ssh://git@git.example.com:22/acme/network.git', 0, '22', 'git@git.example.com', 'acme/network.git'],
    ['ssh://git@git.example.com:2222/acme/dns.git', 1, '2222', 'git@git.example.com', '/acme/dns.git'],
    ['ssh://git@git.example.com:2222/acme/dns', 1, '2222', 'git@git.example.com', '/acme/dns.git'],
    ['ssh://git@git.example.com/~anna/own', 2, '22', 'git@git.example.com', '~anna/own'],
    ['ssh://git@other.example.com/acme/network.git', 3, '22', 'git@other.example.com', 'acme/network.git'],
  ])('asks for what the policy says: %s', (url, at, port, host, path) => {
    const said = git(url).split('\n');
    expect(said).toEqual(expect.arrayContaining(['ran', `IdentityAgent="/run/m/${at}"`, `Port=${port}`]));
    expect(said).toContain(`UserKnownHostsFile="/run/m/${at}.hosts"`);
    const command = said.indexOf(host);
    expect(said[command + 1]).toBe(`git-upload-pack '${path}'`);
  });

  test.each([
    ['a repository whose name only begins so', 'ssh://git@git.example.com/acme/network.git-evil'],
    ['one below it', 'ssh://git@git.example.com/acme/network.git/evil.git'],
    ['a way back out of it', 'ssh://git@git.example.com/acme/network.git/../evil.git'],
    ['another port', 'ssh://git@git.example.com:2223/acme/network.git'],
    ['another user', 'ssh://root@git.example.com/acme/network.git'],
    ['another host', 'ssh://git@git.example.com.evil.example/acme/network.git'],
    ['a path of another host', 'ssh://git@other.example.com/acme/dns.git'],
    ['a quote', "ssh://git@git.example.com/acme/network.git';id;'"],
    ['an encoded line end', 'ssh://git@git.example.com/acme/network.git%0aid'],
    ['letters in the other case', 'ssh://git@git.example.com/Acme/network.git'],
  ])('refuses %s', (_what, url) => {
    const said = git(url);
    expect(said).toContain(unlisted);
    expect(said.split('\n')).not.toContain('ran');
  });

  test.each([
    ['to write', ['-o', 'SendEnv=GIT_PROTOCOL', 'git@git.example.com', "git-receive-pack 'acme/network.git'"]],
    [
      'with options of somebody else',
      ['-i', '/k', '-o', 'SendEnv=GIT_PROTOCOL', 'git@git.example.com', "git-upload-pack '/acme/network.git'"],
    ],
    ['for nothing', []],
  ])('refuses to be asked %s', (_what, args) => {
    expect(end('sh', [script, ...args], {})).toBe(`${unlisted}\n`);
  });

  test('runs nothing for words that nobody has listed', () => {
    const word = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 30 }).map(text => text.replaceAll('\0', '')),
      fc.constantFrom(
        '-o',
        'git@git.example.com',
        '*',
        "git-upload-pack '/acme/network.git'",
        "') exec id ;;",
        '$(id)',
      ),
    );
    fc.assert(
      fc.property(fc.array(word, { maxLength: 4 }), words => {
        expect(end('sh', [script, ...words], {})).toBe(`${unlisted}\n`);
      }),
      { numRuns: 60 },
    );
  });
});
