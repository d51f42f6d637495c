import { describe, expect, test } from 'vitest';
import { lockedPackages, packageHash } from '../../task-image/locked-packages.ts';

const block = (name: string, body: string) => `provider "${name}" {\n${body}}\n`;
const version = '  version     = "3.2.1"\n  constraints = "~> 3.0"\n';
const hashes = '  hashes = [\n    "h1:aaaa+/0=",\n    "h1:bbbb=",\n    "zh:0123",\n  ]\n';
const aws = block('registry.terraform.io/hashicorp/aws', version + hashes);

describe('a lock file', () => {
  test('names packages of a platform, with the hashes of what is in them', () => {
    const text = `# This file is maintained automatically by "terraform init".\n\n${aws}\n${block('registry.example.com:8443/acme/x', `  version = "0.1.0-beta.1"\n${hashes}`)}`;
    expect(lockedPackages(text, 'linux_arm64')).toEqual(
      new Map([
        ['registry.terraform.io/hashicorp/aws/3.2.1/linux_arm64', new Set(['h1:aaaa+/0=', 'h1:bbbb='])],
        ['registry.example.com:8443/acme/x/0.1.0-beta.1/linux_arm64', new Set(['h1:aaaa+/0=', 'h1:bbbb='])],
      ]),
    );
  });

  test.each([
    ['nothing', '# nothing is locked\n'],
    ['archives alone', block('registry.terraform.io/hashicorp/aws', `${version}  hashes = [\n    "zh:0123",\n  ]\n`)],
    ['one with its archives alone', `${aws}${block('registry.terraform.io/hashicorp/null', version)}`],
    ['no version', block('registry.terraform.io/hashicorp/aws', hashes)],
    ['a version that is a path', block('registry.terraform.io/hashicorp/aws', `  version = "../.."\n${hashes}`)],
    ['a name that is a path', block('../../etc', version + hashes)],
    ['a name with a directory too many', block('registry.terraform.io/hashicorp/aws/x', version + hashes)],
    ['a block that is written otherwise', `${aws}provider   "registry.terraform.io/acme/x" {}\n`],
  ])('that says %s is of no use to a cache', (_, text) => {
    expect(lockedPackages(text, 'linux_amd64')).toBeUndefined();
  });
});

test('a hash is of names and contents, in the order of the names', () => {
  const [a, b] = [
    { name: 'LICENSE.txt', digest: 'a'.repeat(64) },
    { name: 'terraform-provider-x_v1.0.0', digest: 'b'.repeat(64) },
  ];
  expect(packageHash([a, b])).toBe(packageHash([b, a]));
  expect(packageHash([a, b])).not.toBe(packageHash([a]));
  expect(packageHash([{ ...a, name: b.name }])).not.toBe(packageHash([a]));
});
