/** Which providers a stack may use: one notion for the gate, which reads their names, and for Terraform, which installs them. */
import type { StackSettings } from '../policies/allowlist.ts';
import type { GateRule } from '../policies/contract/gate.ts';

/** Patterns of Terraform's `provider_installation`. What `exclude` names is not installed even where `include` does. */
export interface ProviderChoice {
  /** INVARIANT: never empty; to Terraform that would mean all. */
  readonly include: readonly string[];
  readonly exclude: readonly string[];
  /** A directory, or the https address of a mirror; the providers' own registries when it is left out. */
  readonly mirror?: string;
}

/** Providers whose only use is what a rule of the gate is about. */
const ruled: readonly (readonly [string, GateRule])[] = [
  ['hashicorp/external', 'external-data'],
  ['hashicorp/http', 'http-data'],
];

const registries = { terraform: 'registry.terraform.io', tofu: 'registry.opentofu.org' } as const;

export function providerChoice({ providers, gateAllow }: StackSettings): ProviderChoice {
  const refused = ruled.filter(([, rule]) => !gateAllow.includes(rule));
  return {
    include: providers.allow,
    // With their hosts: whichever registry the binary takes for its own, the other one has them too.
    exclude: refused.flatMap(([source]) => Object.values(registries).map(host => `${host}/${source}`)),
    ...(providers.mirror !== undefined && { mirror: providers.mirror }),
  };
}

/** The full name of a provider by its source; undefined for a source that is not one to three parts of plain ASCII. */
export function providerName(source: string, binary: StackSettings['binary']): string | undefined {
  const parts = source.toLowerCase().split('/');
  if (parts.length > 3 || !parts.every(part => /^[0-9a-z][0-9a-z._:-]*$/.test(part))) return undefined;
  const host = registries[binary === 'tofu' ? 'tofu' : 'terraform'];
  return [host, 'hashicorp']
    .slice(0, 3 - parts.length)
    .concat(parts)
    .join('/');
}

/** What the policy says of a provider by its full name: a rule of the gate is named where only that stands in its way. */
export function providerVerdict(name: string, settings: StackSettings): 'allowed' | 'not-allowed' | GateRule {
  // A part of Terraform itself: nothing is installed.
  if (name === 'terraform.io/builtin/terraform') return 'allowed';
  const { providers, gateAllow, binary } = settings;
  if (!providers.allow.some(pattern => matches(pattern.toLowerCase().split('/'), name.split('/'), binary)))
    return 'not-allowed';
  const [, rule] = ruled.find(([source]) => Object.values(registries).some(host => name === `${host}/${source}`)) ?? [];
  return rule === undefined || gateAllow.includes(rule) ? 'allowed' : rule;
}

function matches(pattern: readonly string[], name: readonly string[], binary: StackSettings['binary']): boolean {
  // Terragrunt may run either, each with a registry of its own.
  const hosts = binary === 'terragrunt' ? Object.values(registries) : [registries[binary]];
  const wanted = pattern.length === 2 ? hosts.map(host => [host, ...pattern]) : [pattern];
  return wanted.some(parts => parts.length === 3 && parts.every((part, at) => part === '*' || part === name[at]));
}
