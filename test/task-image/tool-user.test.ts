import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { usualSettings } from '../../policies/allowlist.ts';
import { cliConfigFile } from '../../task-image/environment.ts';
import { handOver } from '../../task-image/hand-over.ts';
import { prepare } from '../../task-image/places.ts';
import { requires } from '../support/requirements.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { startTool } from './running-tool.ts';

/** Nobody else's on this machine: what runs as it is killed. */
const user = { uid: 64_321, gid: 64_322 };

const isAlive = (pid: string): boolean =>
  existsSync(`/proc/${pid}`) && !/\) [ZX] /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));

describe.skipIf(requires('root'))('a tool of another user', () => {
  const start = (script: string) => {
    const directory = temporaryDirectory('run');
    const [runDir, cloneDir, dataDir] = ['run', 'clone', 'data'].map(name => join(directory, name)) as [
      string,
      string,
      string,
    ];
    prepare({ runDir, cloneDir, dataDir, path: '' }, usualSettings);
    mkdirSync(join(cloneDir, 'prod'), { recursive: true, mode: 0o700 });
    writeFileSync(join(cloneDir, 'prod/main.tf'), '', { mode: 0o600 });
    writeFileSync(join(runDir, 'k'), 'the deploy key', { mode: 0o600 });
    for (const above of [directory, dirname(directory)]) chmodSync(above, 0o711);
    const places = [cloneDir, dataDir];
    handOver(runDir, places, user);
    const view = { readWrite: places, readOnly: [] };
    return {
      runDir,
      cloneDir,
      dataDir,
      tool: startTool(script, { isolation: { kind: 'user', ...user }, view, cwd: cloneDir }),
    };
  };

  test('is that user, in no other group', async () => {
    const { tool } = start('id -u; id -g; id -G');
    expect(await tool.ended).toEqual({ exitCode: 0 });
    expect(tool.output()).toBe('64321\n64322\n64322\n');
  });

  test('owns its places, and reads nothing of the worker', async () => {
    const { tool, runDir, cloneDir, dataDir } = start('');
    await tool.ended;
    const files = readdirSync(cloneDir, { recursive: true }).map(name => join(cloneDir, `${name}`));
    expect([cloneDir, dataDir, ...files].map(file => statSync(file).uid)).toEqual(Array(4).fill(user.uid));
    expect(statSync(runDir).uid).toBe(0);
    const script = `cat ${runDir}/k; ls ${runDir}; cat /proc/${process.pid}/environ; cat ${cliConfigFile(runDir)} > seen; echo done`;
    const again = startTool(script, {
      ...{ isolation: { kind: 'user', ...user }, view: { readWrite: [cloneDir], readOnly: [] }, cwd: cloneDir },
    });
    await again.ended;
    expect(again.output().replaceAll(/^(cat|ls): .*Permission denied$\n/gm, '')).toBe('done\n');
    expect(readFileSync(join(cloneDir, 'seen'), 'utf8')).toContain('provider_installation');
  });

  test('becomes nobody else, whatever it executes', async () => {
    const { tool } = start('grep -E "^(NoNewPrivs|CapEff)" /proc/self/status');
    await tool.ended;
    expect(tool.output()).toBe('CapEff:\t0000000000000000\nNoNewPrivs:\t1\n');
  });

  test('leaves nothing behind, not even what has left its group and its environment', async () => {
    const { tool, cloneDir } = start(
      'setsid env -i sh -c "echo \\$\\$ > pid; exec sleep 60" > /dev/null 2>&1 & while [ ! -s pid ]; do sleep 0.02; done',
    );
    await tool.ended;
    const pid = readFileSync(join(cloneDir, 'pid'), 'utf8').trim();
    await expect.poll(() => isAlive(pid)).toBe(false);
  });
});
