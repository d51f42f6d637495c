/** What is left out of a checkout never changes a plan: the same stacks from a server's run and from the whole tree. */
import { join } from 'node:path';
import { stripVTControlCharacters } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Installation, install } from '../end-to-end/installation.ts';
import { mustRun } from '../support/command.ts';
import { gitEnvironment } from '../support/environment.ts';
import { bareRepository, type Files } from '../support/repository.ts';
import { requires } from '../support/requirements.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { terraform } from '../support/terraform.ts';
import { ended } from './stage.ts';

/** A `$` of Terraform in a template literal of this file. */
const $ = '$';
const each = (names: string) => `resource "terraform_data" "each" {\n  for_each = ${names}\n  input    = each.key\n}\n`;

const files: Files = {
  'shared/one.txt': '',
  'shared/two.txt': '',
  'prod/data/main.tf': `locals {\n  cfg = yamldecode(file("cfg.yaml"))\n}\n${each('fileset(local.cfg.dir, "*.txt")')}`,
  'prod/data/cfg.yaml': 'dir: ../../shared\n',
  'prod/sibling/main.tf': 'module "aws" {\n  source = "../../modules/aws"\n}\n',
  'modules/aws/main.tf': each('fileset(trimsuffix(path.module, "/aws"), "common/*.txt")'),
  'modules/common/three.txt': '',
  'prod/page/main.tf': `resource "terraform_data" "page" {
  input = filemd5("${$}{path.module}/page.html")
  provisioner "file" {
    source      = "./page.html"
    destination = "/srv/page.html"
    connection {
      host = "localhost"
    }
  }
}
`,
  'prod/page/page.html': '<html>',
};

describe.skipIf(requires('sshd', 'terraform'))('a plan is the same as with the whole tree', () => {
  let installation: Installation;
  const whole = join(temporaryDirectory('whole'), 'tree');
  beforeAll(async () => {
    const repository = bareRepository(join(temporaryDirectory('repo'), 'infra-live.git'), files);
    await mustRun('git', ['clone', '--quiet', repository.dir, whole], { env: gitEnvironment() });
    installation = await install(repository.dir, {
      stacks: [{ paths: ['prod/page'], gate: { allow: ['provisioner'] } }],
    });
  });
  afterAll(() => installation?.stop());

  const addresses = (text: string) => [...text.matchAll(/# (\S+) will be created/g)].map(([, address]) => address);

  async function planned(path: string) {
    const run = await ended(installation.server, { command: 'plan', path, ref: 'main' });
    expect(run).toMatchObject({ state: 'succeeded' });
    const log = (await installation.server.logs(run.id)).map(line => stripVTControlCharacters(line.text));
    return addresses(log.join('\n'));
  }

  async function plannedWhole(path: string) {
    await terraform(join(whole, path), ['init', '-input=false']);
    return addresses((await terraform(join(whole, path), ['plan', '-input=false', '-no-color'])).stdout);
  }

  test.each([
    ['data names files elsewhere', 'prod/data', 2],
    ['a module makes a path of its own', 'prod/sibling', 1],
    ['the source of a resource is a page', 'prod/page', 1],
  ])('when %s', async (_what, path, resources) => {
    const expected = await plannedWhole(path);
    expect(expected).toHaveLength(resources);
    expect(await planned(path)).toEqual(expected);
  });
});
