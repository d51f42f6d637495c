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

/** A `$` of Terraform in a template literal of this file. */
const $ = '$';
const module = (source: string) => `module "a" {\n  source = "${source}"\n}`;
const object = (source: string) => `resource "aws_s3_object" "a" {\n  source = ${source}\n}`;

describe('what a stack needs besides itself', () => {
  test.each([
    ['a local module', module('../../modules/a'), modules('modules/a')],
    ['a module below it', module('./modules/a'), modules('prod/vpc/modules/a')],
    ['a module written with stray slashes and dots', module('..//./../modules/a/'), modules('modules/a')],
    ['several modules', `${module('../x')}\n${module('../y')}`, modules('prod/x', 'prod/y')],
    ['a module in one line', 'module "a" { source = "../x" }', modules('prod/x')],
    [
      'a module whose source follows an object',
      'module "a" {\n  providers = { aws = aws.eu }\n  source = "../x"\n}',
      modules('prod/x'),
    ],
    ['a module without quotes, which is below it', 'module a {\n  source = "./x"\n}', modules('prod/vpc/x')],
    [
      'a module by its own path, as OpenTofu allows',
      `module "a" {\n  source = "${$}{path.module}/x"\n}`,
      modules('prod/vpc/x'),
    ],
    ['a module in a comment, which is one too many', `/*\n${module('../x')}\n*/`, modules('prod/x')],
    [
      'a file below it that may be a module, which is one look too many',
      object('"./x.html"'),
      modules('prod/vpc/x.html'),
    ],
  ])('is %s', (_what, text, expected) => {
    expect(needs(text)).toEqual(expected);
  });

  test.each([
    ['a registry module', module('hashicorp/consul/aws')],
    ['a provider', 'required_providers {\n aws = { source = "hashicorp/aws" }\n}'],
    ['a file of its own', `file("${$}{path.module}/policy.json")`],
    ['a file of the root', `file("${$}{path.root}/policy.json")`],
    ['a file by its name', 'yamldecode(file("cfg.yaml"))'],
    ['a hash of a file', `filebase64sha256("${$}{path.module}/lambda.zip")`],
    ['a file if it is there', 'fileexists("x") ? file("x") : ""'],
    ['a set of its own files', `fileset("${$}{path.module}/rules", "**/*.json")`],
    ['a path of its own without a function', `source_dir = "${$}{path.module}/src"`],
    ['an ellipsis', 'merge(local.maps...)'],
    ['a version range', 'version = "~> 1.2"'],
    ['a pattern of events', 'jsonencode({ source = ["aws.ec2"] })'],
    ['names that only look like functions', 'profile = local.filename\nexternal_id = var.file_system_id'],
    ['a request path', 'path = "/"\nx = var.path.prefix'],
    ['a source that is compared', 'x = var.source == var.other'],
    [
      'an ordinary stack',
      `variable "name" {
  type    = string
  default = "a"
}
locals {
  names = [for name in split(",", var.name) : "${$}{name}.example"]
}
resource "aws_iam_role" "a" {
  name = join("-", [var.name, replace(var.name, "_", "-"), format("%s", substr(var.name, 0, 3))])
  path = "/"
  assume_role_policy = jsonencode({ Version = "2012-10-17" })
}
output "arn" {
  value = aws_iam_role.a.arn
}`,
    ],
  ])('is not more for %s', (_what, text) => {
    const below = (needed: Needs) => needed !== 'all' && needed.modules.every(one => one.startsWith('prod/vpc/'));
    expect(needs(text)).toSatisfy(below);
  });

  test.each([
    ['a parent in a string', `file("${$}{path.module}/../../shared/x.txt")`],
    ['a parent alone', 'base = ".."'],
    ['a parent in a heredoc', 'x = <<EOT\n../shared\nEOT'],
    ['a parent in the source of a module that is not written plainly', module(`../${$}{var.name}`)],
    ['a parent that a comment takes apart from its source', 'module "a" {\n  source = /* here */ "../x"\n}'],
    ['a parent with an escaped slash', '{"x": "..\\/shared"}'],
    ['a parent written in escapes', 'base = "\\u002e\\u002e/shared"'],
    ['a module above the repository', module('../../../elsewhere')],
    ['a module that is the whole repository', module('../..')],
    ['a module whose name a cone cannot hold', module('../mod*')],
    ['a module and a parent beside it', 'module "a" {\n  dir = "../y"\n  source = "../x"\n}'],
    ['a parent as the source of a resource', object('"../x.html"')],
    ['a parent as the source of a provisioner', 'provisioner "file" {\n  source = "../conf"\n}'],
    [
      'a parent as the source of an object that a module gets',
      'module "a" {\n  pages = {\n    a = { source = "../x" }\n  }\n}',
    ],
    ['a parent as the source after a module', `${module('./x')}\n${object('"../x.html"')}`],
    ['a source in brackets', 'module "a" {\n  source = ("./x")\n}'],
    ['a source that a comment hides', 'module "a" {\n  source = /* here */ "./x"\n}'],
    ['a source that is put together', module(`./${$}{var.name}`)],
    ['a source from elsewhere', object('local.cfg.dir')],
    ['the working directory', `base = "${$}{path.cwd}/x"`],
    ['an absolute path', 'abspath(var.x)'],
    ['a directory of a path', 'dirname(var.x)'],
    ['a name of a path', 'basename(var.x)'],
    ['a home directory', 'pathexpand("~/x")'],
    ['its own path in a function', `fileset(trimsuffix(path.module, "/aws"), "common/*.txt")`],
    ['its own path replaced', 'replace(path.module, "aws", "common")'],
    ['its own path split and joined', 'join("/", slice(split("/", path.module), 0, 1))'],
    ['a part of its own path', 'substr(path.module, 0, 4)'],
    ['its own path alone in a string', `base = "${$}{path.module}"`],
    ['its own path after other text', `x = "./${$}{path.module}/x"`],
    ["the root's path alone", 'base = path.root'],
    ['its own path with spaces', 'path . module'],
    ['a path put together below the root', `file("${$}{path.root}/${$}{var.file}")`],
    ['a path put together below the module', `file("${$}{path.module}/rules/${$}{each.key}.json")`],
    ['its own path in a heredoc', `x = <<EOT\n${$}{path.module}/x\nEOT`],
    ['files that data names', 'cfg = yamldecode(file("cfg.yaml"))\nx = fileset(local.cfg.dir, "*.txt")'],
    ['a pattern that data names', 'fileset("rules", var.pattern)'],
    ['a pattern that is put together', `fileset("rules", "${$}{var.name}/*")`],
    ['a file that data names', 'file(local.cfg.file)'],
    ['a file with a space before the bracket', 'file (local.cfg.file)'],
    ['a file whose name only begins plainly', 'file("a" == var.a ? var.b : var.c)'],
    ['a hash of a file that data names', 'filemd5(each.value)'],
    ['a file that may be there', 'fileexists(var.x)'],
    ['a file in base64', 'filebase64(var.x)'],
    ['a template, which may read files itself', 'templatefile("a.tftpl", {})'],
    ['a template that data names', 'templatefile(var.x, {})'],
    ['a template that is data', 'templatestring(local.text, {})'],
    ['a file named in the arguments of a template', 'templatefile("a.tftpl", { x = file(var.x) })'],
    ['a function of a provider', 'provider::local::direxists(local.cfg.dir)'],
    ['a program', 'data "external" "a" {\n  program = ["sh", "./run.sh"]\n}'],
    ['a provisioner', 'provisioner "local-exec" {\n  command = "./run.sh"\n}'],
    ['a chart', 'chart = "./charts/app"'],
    ['a kustomization', 'data "kustomization_build" "a" {\n  path = "./app"\n}'],
  ])('cannot be told from %s, so it is everything', (_what, text) => {
    expect(needs(text)).toBe('all');
  });

  test.each([
    ['a module below it', { module: { a: { source: './modules/a' } } }, modules('prod/vpc/modules/a')],
    ['nothing', { resource: { a: { b: { path: '/', provider: 'aws.eu' } } } }, modules()],
    ['everything for a parent', { module: { a: { source: '../../modules/a' } } }, 'all'],
    ['everything for a file', { locals: { a: `${$}{file("x")}` } }, 'all'],
    ['everything for its own path', { locals: { a: `${$}{path.module}/x` } }, 'all'],
    ['everything for a source that is put together', { module: { a: { source: `${$}{local.a}` } } }, 'all'],
  ])('is read from JSON: %s', (_what, content, expected) => {
    for (const file of ['main.tf.json', 'main.tofu.json'])
      for (const indent of [0, 2]) expect(needs(JSON.stringify(content, null, indent), file)).toEqual(expected);
  });

  test('is everything for a source in JSON that is written in escapes', () => {
    expect(needs('{"module": {"a": {"source": ".\\/x"}}}', 'main.tf.json')).toBe('all');
  });

  test('is everything when a var file names a parent', () => {
    expect(needs('base = "../shared"', 'terraform.tfvars')).toBe('all');
    expect(needs('base = "shared"', 'terraform.tfvars')).toEqual(modules());
  });

  test.each(['terragrunt.hcl', 'terragrunt.hcl.json', 'root.hcl', 'terragrunt.stack.hcl'])(
    'is everything for %s, which may include its parents',
    name => {
      expect(isConfiguration(name)).toBe(true);
      expect(needs('{}', name)).toBe('all');
    },
  );

  test('is one list for all files of a directory', () => {
    const files = new Map([
      ['a.tf', module('../../modules/a')],
      ['b.tf', `${module('../../modules/b')}\n${module('../../modules/a')}`],
    ]);
    expect(needsOf('prod/vpc', files)).toEqual(modules('modules/a', 'modules/b'));
  });

  test.each(['main.tf', 'main.tf.json', 'main.tofu', 'x.auto.tfvars', 'terraform.tfvars.json'])('reads %s', name => {
    expect(isConfiguration(name)).toBe(true);
  });

  test.each(['main.tf.bak', 'README.md', '.terraform.lock.hcl', '.tflint.hcl', 'policy.json', 'tf'])(
    'does not read %s',
    name => {
      expect(isConfiguration(name)).toBe(false);
    },
  );
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
