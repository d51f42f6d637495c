/**
 * Starts a worker as its image and the module have it started, as far as that is what keeps planned code away: process ids
 * and a /tmp of its own, a root that is read-only, the uid, the capabilities, and a Node that may be run and not be read.
 */
import { chmodSync, copyFileSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { dist } from '../../support/cli.ts';
import { providerMirror } from '../../support/providers.ts';
import { temporaryDirectory } from '../../support/temporary-directory.ts';
import { whereIs } from '../../support/where-is.ts';

/** Where a policy finds the providers in there. */
export const mirrorInside = '/opt/providers';

export function containers(): (kind: 'lambda' | 'fargate') => readonly string[] {
  const bin = temporaryDirectory('bin');
  const [node, bwrap, users] = [join(bin, 'node'), join(bin, 'bwrap'), join(bin, 'passwd')];
  copyFileSync(process.execPath, node);
  chmodSync(node, 0o711);
  // The image has none, and neither platform would let it work.
  writeFileSync(bwrap, '#!/bin/sh\nexit 1\n', { mode: 0o755 });
  // ssh insists on being somebody.
  writeFileSync(users, `${readFileSync('/etc/passwd')}lambda:x:993:990::/nonexistent:/usr/sbin/nologin\n`);
  const inside: Readonly<Record<string, string>> = {
    [node]: '/opt/bin/node',
    [bwrap]: '/opt/bin/bwrap',
    [whereIs('terraform') ?? '']: '/opt/bin/terraform',
    [users]: '/etc/passwd',
    [dist()]: '/opt/worker',
    [providerMirror]: mirrorInside,
  };
  const environment = {
    PATH: '/opt/bin:/usr/bin:/bin',
    HOME: '/tmp',
    TMPDIR: '/tmp',
    INFRA_DEPLOYER_WORK_DIR: '/tmp/work',
    INFRA_DEPLOYER_TOOL_UID: '10001',
    INFRA_DEPLOYER_OWN_DIR: '/tmp',
  };
  const capabilities = ['CHOWN', 'DAC_OVERRIDE', 'KILL', 'SETGID', 'SETUID'];
  const container = [
    ...['bwrap', '--ro-bind', '/', '/', '--proc', '/proc', '--dev', '/dev', '--tmpfs', '/opt'],
    // What bubblewrap makes of its own accord is root's alone.
    ...['--perms', '0755', '--dir', '/opt/bin'],
    ...Object.entries(inside).flatMap(([from, to]) => ['--ro-bind', from, to]),
    ...['--perms', '1777', '--tmpfs', '/tmp', '--chdir', '/'],
    ...Object.entries(environment).flatMap(([name, value]) => ['--setenv', name, value]),
    ...['--unshare-pid', '--unshare-ipc', '--die-with-parent', '--cap-drop', 'ALL'],
    ...[...capabilities.flatMap(name => ['--cap-add', `CAP_${name}`]), '--'],
  ];
  const nobody = ['setpriv', '--reuid=993', '--regid=990', '--clear-groups', '--inh-caps=-all', '--'];
  const entry = ['/usr/bin/env', 'node', '/opt/worker/worker.js'];
  return kind => [...container, ...(kind === 'lambda' ? nobody : []), ...entry];
}
