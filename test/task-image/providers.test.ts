import { expect, test } from 'vitest';
import { type StackSettings, usualSettings } from '../../policies/allowlist.ts';
import { providerChoice, providerName, providerVerdict } from '../../task-image/providers.ts';

const settings = (differences: Partial<StackSettings> = {}): StackSettings => ({ ...usualSettings, ...differences });

test('what may be installed is what the policy lists, without what a rule of the gate is about', () => {
  expect(providerChoice(settings())).toEqual({
    include: ['hashicorp/*'],
    exclude: [
      'registry.terraform.io/hashicorp/external',
      'registry.opentofu.org/hashicorp/external',
      'registry.terraform.io/hashicorp/http',
      'registry.opentofu.org/hashicorp/http',
    ],
  });
  const open = settings({ gateAllow: ['external-data', 'http-data'], providers: { allow: ['acme/x'] } });
  expect(providerChoice(open)).toEqual({ include: ['acme/x'], exclude: [] });
});

test.each([
  ['aws', 'terraform', 'registry.terraform.io/hashicorp/aws'],
  ['aws', 'tofu', 'registry.opentofu.org/hashicorp/aws'],
  ['Acme/X', 'terraform', 'registry.terraform.io/acme/x'],
  ['a.example:8443/acme/x', 'terragrunt', 'a.example:8443/acme/x'],
  ['a/b/c/d', 'terraform', undefined],
  ['', 'terraform', undefined],
  ['/x', 'terraform', undefined],
  ['../x', 'terraform', undefined],
  ['\uff48ashicorp/aws', 'terraform', undefined],
  ['a b/c', 'terraform', undefined],
] as const)('the source %j is for %s %j', (source, binary, name) => {
  expect(providerName(source, binary)).toBe(name);
});

test.each([
  ['registry.terraform.io/hashicorp/aws', 'terraform', 'allowed'],
  ['registry.opentofu.org/hashicorp/aws', 'terraform', 'not-allowed'],
  ['registry.opentofu.org/hashicorp/aws', 'tofu', 'allowed'],
  ['registry.opentofu.org/hashicorp/aws', 'terragrunt', 'allowed'],
  ['registry.terraform.io/evil/aws', 'terraform', 'not-allowed'],
  ['evil.example/hashicorp/aws', 'terraform', 'not-allowed'],
  ['registry.terraform.io/hashicorp/external', 'terraform', 'external-data'],
  ['registry.terraform.io/hashicorp/http', 'terraform', 'http-data'],
  ['terraform.io/builtin/terraform', 'terraform', 'allowed'],
  ['terraform.io/builtin/other', 'terraform', 'not-allowed'],
] as const)('%s is for %s %s', (name, binary, verdict) => {
  expect(providerVerdict(name, settings({ binary }))).toBe(verdict);
});

test('a pattern with a host is for that host alone', () => {
  const own = settings({ providers: { allow: ['registry.example.com/acme/*'] } });
  expect(providerVerdict('registry.example.com/acme/x', own)).toBe('allowed');
  expect(providerVerdict('registry.terraform.io/acme/x', own)).toBe('not-allowed');
});
