/** What provider blocks bring along: a provider works with what the run was given, and where that is good for. */
import { quote } from '../../policies/quote.ts';
import { blocks, isBody, literal } from '../hcl/document.ts';
import { between } from '../hcl/expressions.ts';
import { header, tunable } from './finding.ts';
import type { Rule } from './module.ts';

/** INVARIANT: what is nested is looked at too, in blocks, objects and `dynamic` alike; what cannot be looked at is refused. */
export const providerCredentials: Rule = ({ files }) =>
  files.flatMap(({ file, root }) =>
    blocks(root, 'provider', 1).flatMap(block =>
      argumentsBelow(block.body).flatMap(({ name, value }) => {
        const why = whyRefused(name, value);
        return why === undefined
          ? []
          : [tunable(file, block, 'provider-credentials', why, `${header(block)} ${quote(name)}`)];
      }),
    ),
  );

interface Argument {
  readonly name: string;
  readonly value: unknown;
}

function argumentsBelow(value: unknown): Argument[] {
  if (Array.isArray(value)) return value.flatMap(argumentsBelow);
  if (!isBody(value)) return [];
  return Object.entries(value).flatMap(([name, inner]) =>
    harmless.test(name) || inner === null ? [] : [{ name, value: inner }, ...argumentsBelow(inner)],
  );
}

function whyRefused(name: string, value: unknown): string | undefined {
  if (credentials.test(name)) return 'takes the provider away from what the run was given';
  if (literal(name) === undefined) return 'the name of an argument is not said outright';
  const isSaid = literal(value) !== undefined || typeof value !== 'string';
  return isSaid || !(objects.test(name) || between(value).includes('{'))
    ? undefined
    : 'what it holds is not said outright';
}

/** Arguments with which a provider stops using what the run was given, or uses it elsewhere. */
const credentials =
  /token|passw(?:or)?d|passphrase|secret|credential|private_key|client_(?:key|certificate)|access_key|api_?key|profile|assume_role|impersonat|endpoint|^shared_|proxy|^exec$|config_paths?|auth_login|ca_bundle|^role_arn$|^address$|^universe_domain$|^metadata_host$/i;

/** Arguments, not blocks, that hold others. */
const objects = /^(?:kubernetes|registr(?:y|ies))$/;

/** What bears such a name and gives nothing away. */
const harmless = /^(?:\/\/$|skip_|use_fips|use_dualstack|default_tags$|ignore_tags$|default_labels$|features$)/;
