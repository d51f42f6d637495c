import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { coneOf, isConfiguration, type Needs, needsOf } from '../../task-image/closure.ts';
import { mustRun } from '../support/command.ts';
import { gitEnvironment } from '../support/environment.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

const needs = (text: string, file = 'main.tf', directory = 'prod/vpc') => needsOf(directory, new Map([[file, text]]));
const modules = (...names: string[]): Needs => ({ modules: names });

describe('what a stack needs besides itself', () => {
  test.each([
    ['a local module', 'module "a" {\n  source = "../../modules/a"\n}', modules('modules/a')],
    ['a module below it', 'module "a" {\n  source = "./modules/a"\n}', modules('prod/vpc/modules/a')],
    ['a module written with stray slashes and dots', 'source = "..//./../modules/a/"', modules('modules/a')],
    ['several modules', 'source="../x"\n  source   =   "../y"', modules('prod/x', 'prod/y')],
    ['a module named in a comment, which is one too many', '# source = "../x"', modules('prod/x')],
    ['nothing for a registry module', 'source = "hashicorp/consul/aws"', modules()],
    ['nothing for a provider', 'required_providers {\n aws = { source = "hashicorp/aws" }\n}', modules()],
    ['nothing for a file of its own', `file("\${path.module}/policy.json")`, modules()],
    ['nothing for an ellipsis', 'merge(local.maps...)', modules()],
    ['nothing for a version range', 'version = "~> 1.2"', modules()],
  ])('is %s', (_what, text, expected) => {
    expect(needs(text)).toEqual(expected);
  });

  test.each([
    ['a parent in a string', `file("\${path.module}/../../shared/x.txt")`],
    ['a parent alone', 'base = ".."'],
    ['a parent in a heredoc', 'x = <<EOT\n../shared\nEOT'],
    ['a parent in the source of a module that is not written plainly', `source = "../\${var.name}"`],
    ['a parent that a comment takes apart from its source', 'source = /* here */ "../x"'],
    ['a parent with an escaped slash', '{"x": "..\\/shared"}'],
    ['a parent written in escapes', 'file("\\u002e\\u002e/shared/x.txt")'],
    ['a module above the repository', 'source = "../../../elsewhere"'],
    ['a module that is the whole repository', 'source = "../.."'],
    ['a module whose name a cone cannot hold', 'source = "../mod*"'],
    ['the working directory', `file("\${path.cwd}/x")`],
    ['an absolute path', 'abspath(path.module)'],
    ['a directory of a path', 'dirname(path.module)'],
    ['a path put together below the root', `file("\${path.root}/\${var.file}")`],
  ])('cannot be told from %s, so it is everything', (_what, text) => {
    expect(needs(text)).toBe('all');
  });

  test('is read from JSON', () => {
    const text = JSON.stringify({ module: { a: { source: '../../modules/a' } } });
    expect(needs(text, 'main.tf.json')).toEqual(modules('modules/a'));
  });

  test('is everything when a var file names a parent', () => {
    expect(needs('base = "../shared"', 'terraform.tfvars')).toBe('all');
  });

  test.each(['terragrunt.hcl', 'terragrunt.hcl.json'])('is everything for %s, which may include its parents', name => {
    expect(isConfiguration(name)).toBe(true);
    expect(needs('{}', name)).toBe('all');
  });

  test('is one list for all files of a directory', () => {
    const files = new Map([
      ['a.tf', 'source = "../../modules/a"'],
      ['b.tf', 'source = "../../modules/b"\nsource = "../../modules/a"'],
    ]);
    expect(needsOf('prod/vpc', files)).toEqual(modules('modules/a', 'modules/b'));
  });

  test.each(['main.tf', 'main.tf.json', 'main.tofu', 'x.auto.tfvars', 'terraform.tfvars.json'])('reads %s', name => {
    expect(isConfiguration(name)).toBe(true);
  });

  test.each(['main.tf.bak', 'README.md', '.terraform.lock.hcl', 'policy.json', 'tf'])('does not read %s', name => {
    expect(isConfiguration(name)).toBe(false);
  });
});

describe('the cone of a sparse checkout', () => {
  const ofGit = async (directories: readonly string[]): Promise<string> => {
    const clone = temporaryDirectory('cone');
    await mustRun('git', ['init', '--quiet', clone], { env: gitEnvironment() });
    await mustRun('git', ['-C', clone, 'sparse-checkout', 'set', '--cone', '--skip-checks', ...directories], {
      env: gitEnvironment(),
    });
    return readFileSync(join(clone, '.git/info/sparse-checkout'), 'utf8');
  };

  test.each([
    [['prod']],
    [['prod/vpc']],
    [['prod/vpc', 'modules/a']],
    [['prod/vpc', 'prod/vpc/modules/a']],
    [['prod', 'prod/vpc/modules/a', 'a/b/c/d/e']],
    [['prod/vpc', 'prod/vpc-2', 'prod/app']],
    [['prod.eu/vpc', 'prod/vpc', 'prod-eu/vpc', 'Prod/vpc']],
  ])('of %j is what git writes', async directories => {
    expect(coneOf(directories)).toBe(await ofGit(directories));
  });

  test('of any directories is what git writes', async () => {
    const segment = fc.constantFrom('a', 'b', 'a.b', 'a-b', 'B', '_c', 'd=e', 'f+g');
    const path = fc.array(segment, { minLength: 1, maxLength: 4 }).map(parts => parts.join('/'));
    const paths = fc.uniqueArray(path, { minLength: 1, maxLength: 6 });
    await fc.assert(
      fc.asyncProperty(paths, async directories => {
        expect(coneOf(directories)).toBe(await ofGit(directories));
      }),
      { numRuns: 25 },
    );
  });
});
