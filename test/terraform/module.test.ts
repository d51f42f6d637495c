/** The module as Terraform sees it: formatted, valid by the AWS provider's schema, and passing its own tests. */
import { cpSync, globSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { type Finished, run } from '../support/command.ts';
import { requires } from '../support/requirements.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { terraform } from '../support/terraform.ts';
import { moduleDirectory, standInEnvironment } from './apply-module.ts';

const examples = ['smallest', 'lambda-only', 'fargate-two-accounts'];
const slow = 300_000;

describe.skipIf(requires('terraform', 'aws provider'))('the module', () => {
  it('is formatted', async () => {
    const { stdout } = await run('terraform', ['fmt', '-check', '-recursive', moduleDirectory]);
    expect(stdout).toBe('');
  });

  it(
    'passes its own tests',
    async () => {
      const { stdout } = await inCopy('.').terraform('test', '-no-color');
      expect(stdout).toMatch(/^Success! \d+ passed, 0 failed\.$/m);
    },
    slow,
  );

  describe.each(examples)('in the example %s', name => {
    it(
      'is valid, and can be applied before and after the image is pushed',
      async () => {
        const example = inCopy(join('examples', name));
        const network = { vpc_id: 'vpc-1', subnet_ids: ['subnet-1'], route_table_ids: ['rtb-1'] };
        const given = name === 'fargate-two-accounts' ? network : {};
        const variables = (more: object) =>
          example.write('now.auto.tfvars.json', JSON.stringify({ ...given, ...more }));
        variables({});
        await example.terraform('validate');
        await example.terraform('apply', '-auto-approve', '-input=false', '-no-color');
        variables({ image_digest: `sha256:${'1'.repeat(64)}` });
        const { stdout } = await example.terraform('apply', '-auto-approve', '-input=false', '-no-color');
        expect(stdout).toMatch(/^Apply complete! Resources: [1-9]\d* added, \d+ changed, 0 destroyed\.$/m);
        const { stdout: settled } = await example.terraform('plan', '-input=false', '-no-color');
        expect(settled).toMatch(/^No changes\./m);
      },
      slow,
    );
  });
});

describe.skipIf(requires('terraform', 'aws provider'))('validation by the schema', () => {
  let copy: Copy;
  beforeAll(() => {
    copy = inCopy('.');
  });

  const validate = async (file: string, change: (text: string) => string): Promise<Finished> => {
    const before = copy.read(file);
    expect(change(before), 'the test changes something').not.toBe(before);
    copy.write(file, change(before));
    try {
      return await copy.run('validate', '-no-color');
    } finally {
      copy.write(file, before);
    }
  };

  it('passes what is written', async () => {
    expect((await copy.run('validate', '-no-color')).stdout).toContain('The configuration is valid.');
  });

  it.each([
    ['an argument nobody knows', 'kms.tf', 'enable_key_rotation', 'enable_key_rotations', 'Unsupported argument'],
    ['a block nobody knows', 'ledger.tf', 'point_in_time_recovery {', 'point_in_time {', 'Unsupported block type'],
    ['a nested argument nobody knows', 'workers-lambda.tf', 'tenant_isolation_mode', 'mode', 'Unsupported argument'],
    ['a missing argument', 'gitlab.tf', /url +=.*\n/, '', 'Missing required argument'],
    [
      'an argument that only AWS sets',
      'ledger.tf',
      'tags  ',
      'arn = "x"\ntags  ',
      'Value for unconfigurable attribute',
    ],
    [
      'a block that may be there once',
      'ledger.tf',
      /(?=\n {2}ttl)/,
      '\n  ttl {\n    enabled = true\n  }\n',
      'Too many ttl blocks',
    ],
    [
      'a list for a number',
      'ledger.tf',
      'deletion_protection_enabled = var.deletion_protection',
      'read_capacity = [1]',
      'Incorrect attribute value type',
    ],
    [
      'an attribute that is not there to be read',
      'outputs.tf',
      '.repository_url',
      '.repository_uri',
      'Unsupported attribute',
    ],
    [
      'a resource nobody knows',
      'ledger.tf',
      'resource "aws_dynamodb_table"',
      'resource "aws_dynamo_table"',
      'Invalid resource type',
    ],
  ] as const)('refuses %s', async (_, file, from, to, message) => {
    const { status, stderr } = await validate(file, text => text.replace(from, to));
    expect(stderr).toContain(message);
    expect(status).toBe(1);
  });
});

interface Copy {
  readonly read: (file: string) => string;
  readonly write: (file: string, text: string) => void;
  /** Anything but success is an error. */
  readonly terraform: (...args: readonly string[]) => Promise<Finished>;
  readonly run: (...args: readonly string[]) => Promise<Finished>;
}

/** The module's directory, or one within, somewhere else: Terraform writes where it runs. */
function inCopy(directory: string): Copy {
  const root = temporaryDirectory('terraform');
  cpSync(moduleDirectory, join(root, 'terraform'), { recursive: true, filter: file => !file.includes('.terraform') });
  cpSync(join(moduleDirectory, 'versions.tf'), join(root, 'dist/lambda.zip'));
  const dir = join(root, 'terraform', directory);
  const options = { env: standInEnvironment(root), timeoutMs: slow };
  let initialised: Promise<unknown> | undefined;
  const initialise = () => {
    initialised ??= terraform(dir, ['init', '-input=false', '-no-color'], options);
    return initialised;
  };
  return {
    read: file => readFileSync(join(dir, file), 'utf8'),
    write: (file, text) => writeFileSync(join(dir, file), text),
    terraform: (...args) => initialise().then(() => terraform(dir, args, options)),
    run: (...args) => initialise().then(() => run('terraform', [`-chdir=${dir}`, ...args], options)),
  };
}

describe('the text of the module', () => {
  const text = (pattern: string) =>
    globSync(pattern, { cwd: moduleDirectory }).map(file => readFileSync(join(moduleDirectory, file), 'utf8'));
  /** Of the module and its examples, `variable "x" {…}` and the like, whole. */
  const declared = (kind: string, pattern: string) =>
    text(pattern).flatMap(one => [...one.matchAll(new RegExp(`^${kind} "(\\w+)" \\{\\n([\\s\\S]*?)^\\}`, 'gm'))]);

  it('insists on six inputs at most', () => {
    const required = declared('variable', '*.tf').filter(([, , body = '']) => !/^ {2}default +=/m.test(body));
    expect(required.map(([, name]) => name)).toEqual(['policy_file', 'secret_arns']);
  });

  it.each(['variable', 'output'])('describes every %s', kind => {
    const missing = declared(kind, '**/*.tf').filter(([, , body = '']) => !/^ {2}description +=/m.test(body));
    expect(missing.map(([, name]) => name)).toEqual([]);
    expect(declared(kind, '**/*.tf').length).toBeGreaterThan(10);
  });

  it('types every variable', () => {
    const untyped = declared('variable', '**/*.tf').filter(([, , body = '']) => !/^ {2}type +=/m.test(body));
    expect(untyped.map(([, name]) => name)).toEqual([]);
  });

  it('has no provider of its own', () => {
    expect(text('*.tf').join('\n')).not.toMatch(/^provider /m);
  });

  it('says of every `*` in a policy why', () => {
    expect(unexplained(text('**/*.tf'))).toEqual([]);
    expect(unexplained(['  statement {\n    actions   = ["s3:*"]\n  }\n'])).toEqual(['actions   = ["s3:*"]']);
  });

  /** Lines of policies with a `*`, where no comment stands above them in the same statement, or before it. */
  function unexplained(files: readonly string[]): string[] {
    return files.flatMap(file =>
      file.split('\n').flatMap((line, index, lines) => {
        if (!/^ *(actions|resources|identifiers|values) +=.*(?<!\[)\*/.test(line)) return [];
        const above = lines.slice(0, index);
        const start = above.findLastIndex(one => /^ *(dynamic "statement"|statement|\w+ += \[\{|\{) ?\{?$/.test(one));
        const isComment = (one: string) => /^ *# /.test(one);
        const before = above.slice(0, start).findLastIndex(one => !isComment(one));
        return above.slice(before + 1).some(isComment) ? [] : [line.trim()];
      }),
    );
  }
});
