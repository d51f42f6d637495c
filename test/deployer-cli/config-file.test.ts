import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { parseConfig, readConfigFile } from '../../deployer-cli/config-file.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

const refusal = async (text: string) => {
  const config = await parseConfig(text, 'c.yaml');
  if (config.ok) throw new Error('it was accepted');
  return `${config.failure.message}; ${config.failure.fix}`;
};

describe('the config file', () => {
  test('holds flags by name', async () => {
    expect(await parseConfig('repo: infra-live\njson: true\nverbose: false\n', 'c.yaml')).toEqual({
      ok: true,
      value: {
        name: 'c.yaml',
        values: new Map([
          ['repo', 'infra-live'],
          ['json', 'true'],
          ['verbose', 'false'],
        ]),
      },
    });
  });

  test('may be empty', async () => {
    expect(await parseConfig('# nothing yet\n', 'c.yaml')).toMatchObject({ ok: true });
  });

  test.each([
    ['ref: main\nrepoo: x\n', '`c.yaml` line 2: unknown key `repoo`; did you mean  repo'],
    ['command: apply\n', '`c.yaml` line 1: unknown key `command`; its keys are'],
    ['plan-id: r_1\n', '`c.yaml` line 1: unknown key `plan-id`; its keys are'],
    [
      'token: secret\n',
      '`c.yaml` line 1: a token does not belong into a file of the repository; set INFRA_DEPLOYER_TOKEN',
    ],
    ['server: https://evil.example\n', '`c.yaml` line 1: the server is not chosen by a file of the repository; set'],
    ['ref: main\nref: other\n', '`c.yaml` line 2: it is not valid YAML; its keys are'],
    ['json: sure\n', '`c.yaml` line 1: `json` must be true or false; write  json: true'],
    ['ref: 12\n', '`c.yaml` line 1: `ref` must be a text; write  ref: "REF"'],
    ['ref: [main]\n', '`c.yaml` line 1: `ref` must be a text'],
    ['- ref\n', '`c.yaml` does not hold keys and values'],
    ['ref: !!js/function x\n', '`c.yaml` line 1: it is not valid YAML'],
  ])('is refused: %j', async (text, message) => {
    expect(await refusal(text)).toContain(message);
  });

  test('is found upward to the root of the repository and no further', async () => {
    const outside = temporaryDirectory('config');
    const root = join(outside, 'repository');
    const deep = join(root, 'prod', 'vpc');
    mkdirSync(join(root, '.git'), { recursive: true });
    mkdirSync(deep, { recursive: true });
    writeFileSync(join(outside, '.infra-deployer.yaml'), 'ref: outside\n');
    expect(await readConfigFile(deep)).toEqual({ ok: true, value: undefined });
    writeFileSync(join(root, '.infra-deployer.yaml'), 'ref: inside\n');
    expect(await readConfigFile(deep)).toMatchObject({
      value: { name: '.infra-deployer.yaml', values: new Map([['ref', 'inside']]) },
    });
  });

  test('outside a repository is only that of the current directory', async () => {
    const outside = temporaryDirectory('config');
    const deep = join(outside, 'a');
    mkdirSync(deep);
    writeFileSync(join(outside, '.infra-deployer.yaml'), 'ref: above\n');
    expect(await readConfigFile(deep)).toEqual({ ok: true, value: undefined });
    expect(await readConfigFile(outside)).toMatchObject({ ok: true, value: { name: '.infra-deployer.yaml' } });
  });

  test('must be there when it is named', async () => {
    expect(await readConfigFile(temporaryDirectory('config'), 'gone.yaml')).toMatchObject({
      failure: { code: 'E_SETTINGS', message: 'config file `gone.yaml`: ENOENT' },
    });
  });
});
