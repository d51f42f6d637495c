import { readdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { dist } from '../support/cli.ts';
import { run } from '../support/command.ts';
import { cleanEnvironment } from '../support/environment.ts';
import { requires } from '../support/requirements.ts';

describe.skipIf(requires('terraform'))('the demo', () => {
  test('shows plan, apply, no changes and a refusal, and leaves nothing behind', { timeout: 60_000 }, async () => {
    const { status, stdout, stderr } = await run(process.execPath, [join(import.meta.dirname, 'demo.ts')], {
      env: cleanEnvironment({ INFRA_DEPLOYER_DIST: dist() }),
    });
    expect(status, stdout + stderr).toBe(0);
    expect([...stdout.matchAll(/^→ exit code (\d+)$/gm)].map(match => match[1])).toEqual(['0', '0', '0', '5']);
    expect(stdout).toContain('3 to add, 0 to change, 0 to destroy');
    expect(stdout).toContain('No changes.');
    expect(stderr).toContain('E_REF_NOT_ALLOWED');
    const [, url = ''] = /listens on (http:\S+)/.exec(stdout) ?? [];
    await expect(fetch(`${url}/healthz`)).rejects.toThrow('fetch failed');
    expect(readdirSync(tmpdir()).filter(name => name.startsWith('infra-deployer-demo'))).toEqual([]);
  });
});
