/** Which providers a module uses, by name or by implication. */
import type { StackSettings } from '../../policies/allowlist.ts';
import { quote } from '../../policies/quote.ts';
import { type Block, blocks, isBody, listed, literal } from '../hcl/document.ts';
import { providerName, providerVerdict } from '../providers.ts';
import { type Finding, finding, header, tunable } from './finding.ts';
import { type ConfigurationFile, type Rule, typedBlocks } from './module.ts';

/** What the configuration calls a provider, and where. */
interface Use {
  readonly file: string;
  readonly block: Block;
  readonly what: string;
  /** Undefined: not said outright. */
  readonly source: string | undefined;
  /** Only the type of a block says so: a rule of the gate that is about the type has been told of the block. */
  readonly isImplied?: boolean;
}

export const providers: Rule = ({ files, tests }, { settings }) => {
  const required = files.flatMap(requiredProviders);
  const sourced = new Set(required.map(({ name }) => name));
  const implied = [...files, ...tests]
    .flatMap(impliedProviders)
    .filter(({ name }) => name === undefined || !sourced.has(name));
  return [
    ...required,
    ...implied.map(use => ({
      ...use,
      source: use.name === 'terraform' ? 'terraform.io/builtin/terraform' : use.name,
    })),
  ].flatMap(use => judged(use, settings));
};

/** Providers of a dependency lock file: they are installed before anything else is asked. */
export const lockedProviders = ({ file, root }: ConfigurationFile, settings: StackSettings): Finding[] =>
  blocks(root, 'provider', 1).flatMap(block =>
    judged({ file, block, what: header(block), source: block.labels[0] }, settings),
  );

function judged({ file, block, what, source, isImplied = false }: Use, settings: StackSettings): Finding[] {
  const fix = 'use one that is, or have an admin add it to `providers: {allow}` for this path';
  const name = source === undefined ? undefined : providerName(source, settings.binary);
  if (name === undefined) return [finding(file, block, 'provider', 'its source is not said outright', fix, what)];
  const verdict = providerVerdict(name, settings);
  if (verdict === 'allowed' || (isImplied && verdict !== 'not-allowed')) return [];
  return verdict === 'not-allowed'
    ? [finding(file, block, 'provider', `provider ${name} is not allowed`, fix, what)]
    : [tunable(file, block, verdict, `provider ${name} is there for nothing else`, what)];
}

function requiredProviders({ file, root }: ConfigurationFile): (Use & { readonly name: string })[] {
  return blocks(root, 'terraform', 0)
    .flatMap(terraform => blocks(terraform, 'required_providers', 0))
    .flatMap(block =>
      Object.entries(block.body).flatMap(([name, value]) =>
        (name === comment ? [] : listed(value)).map(given => ({
          file,
          block,
          name,
          what: `required_providers ${quote(name)}`,
          source: sourceOf(name, given),
        })),
      ),
    );
}

/** In JSON, what Terraform passes over. */
const comment = '//';

/** A text alone is a version, as it was written before there were sources. */
function sourceOf(name: string, given: unknown): string | undefined {
  if (literal(name) === undefined) return undefined;
  if (!isBody(given)) return literal(given) === undefined ? undefined : name;
  if (Object.keys(given).some(key => literal(key) === undefined)) return undefined;
  return 'source' in given ? literal(given.source) : name;
}

/** Named by a block's type, its `provider` argument, a provider block, or what is handed to a module. */
function impliedProviders({ file, root }: ConfigurationFile): (Omit<Use, 'source'> & { name: string | undefined })[] {
  const use = (block: Block, name: string | undefined) => ({ file, block, what: header(block), name });
  return [
    ...['provider', 'mock_provider'].flatMap(type => blocks(root, type, 1)).map(block => use(block, block.labels[0])),
    ...[...typedBlocks(root), ...blocks(root, 'import', 0)].flatMap(block => {
      const given = listed(block.body.provider);
      if (given.length > 0) return given.map(one => use(block, localName(one)));
      return block.type === 'import' ? [] : [{ ...use(block, block.labels[0]?.split('_')[0]), isImplied: true }];
    }),
    ...blocks(root, 'module', 1).flatMap(block =>
      listed(block.body.providers).flatMap(map =>
        isBody(map) ? Object.values(map).map(one => use(block, localName(one))) : [use(block, undefined)],
      ),
    ),
  ];
}

/** `aws` for a reference like `aws.west`. */
const localName = (value: unknown): string | undefined =>
  typeof value === 'string' ? /^(?:\$\{\s*)?([A-Za-z][\w-]*)\b/.exec(value)?.[1] : undefined;
