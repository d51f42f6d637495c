/** The CLI configuration of Terraform and tofu: providers come from where the policy says, and no others come at all. */

/** Patterns as Terraform writes them, like `hashicorp/*`. */
export interface ProviderSource {
  readonly include: readonly string[];
  readonly exclude: readonly string[];
  /** A directory, or the https address of a mirror; the providers' own registries when it is left out. */
  readonly mirror?: string;
}

/** One method, explicitly: without any Terraform would take providers out of the repository's `terraform.d`. */
export function cliConfig({ include, exclude, mirror }: ProviderSource): string {
  return `disable_checkpoint = true
provider_installation {
  ${methodOf(mirror)}
    include = ${list(include)}
    exclude = ${list(exclude)}
  }
}
`;
}

function methodOf(mirror: string | undefined): string {
  if (mirror === undefined) return 'direct {';
  return mirror.startsWith('/')
    ? `filesystem_mirror {\n    path    = ${text(mirror)}`
    : `network_mirror {\n    url     = ${text(mirror)}`;
}

const list = (words: readonly string[]): string => `[${words.map(text).join(', ')}]`;

/** A text of HCL that says exactly this: no escape of it, no template. */
const text = (word: string): string => JSON.stringify(word).replaceAll(/[$%](?=\{)/g, '$&$&');
