/** Where a stack says its state is: exactly where the policy says, and without credentials of its own. */
import type { StackSettings } from '../../policies/allowlist.ts';
import { quote } from '../../policies/quote.ts';
import { type Block, type Body, blocks, literal } from '../hcl/document.ts';
import { type Finding, finding, header } from './finding.ts';
import type { Rule } from './module.ts';

export const backend: Rule = ({ files, isRoot }, { settings }) =>
  files.flatMap(({ file, root }) =>
    blocks(root, 'terraform', 0).flatMap(terraform => [
      // Terraform passes over the backend of a module.
      ...(isRoot ? blocks(terraform, 'backend', 1).flatMap(block => backendFindings(file, block, settings)) : []),
      ...blocks(terraform, 'cloud', 0).map(block =>
        finding(file, block, 'backend', 'keeps the state in, and runs in, HCP Terraform', leaveOut),
      ),
      // What it asks for keys is asked at `init`, with what the run was given.
      ...blocks(terraform, 'encryption', 0).map(block =>
        finding(file, block, 'backend', 'encrypts the state and plans with keys of its own choice', leaveOut),
      ),
    ]),
  );

const leaveOut = "remove it: where the state is kept is the policy's to say";

function backendFindings(file: string, block: Block, { backend: wanted }: StackSettings): Finding[] {
  const [type = ''] = block.labels;
  if (!wanted)
    return [
      finding(
        file,
        block,
        'backend',
        'the policy names no backend for this path',
        'have an admin add `backend: {type, config}`, or remove it',
      ),
    ];
  if (type !== wanted.type)
    return [
      finding(
        file,
        block,
        'backend',
        `the policy wants backend ${quote(wanted.type)}`,
        `declare \`backend "${wanted.type}" {}\``,
      ),
    ];
  return configurationFindings(file, block, block.body, wanted.config);
}

/** Each argument has to be a credential of nobody, known to the policy, and equal to it. */
export function configurationFindings(
  file: string,
  block: Block,
  config: Body,
  wanted: Readonly<Record<string, string>>,
): Finding[] {
  return Object.entries(config).flatMap(([name, value]) => {
    if (value === null) return [];
    const what = `${header(block)} ${quote(name)}`;
    if (credentials.test(name))
      return [
        finding(
          file,
          block,
          'backend-credentials',
          'brings credentials or a role of its own',
          'remove it: the worker gives the backend what it needs',
          what,
        ),
      ];
    const why = sameAsPolicy(name, value, wanted);
    return why === undefined
      ? []
      : [finding(file, block, 'backend', why, 'leave it out: the worker fills in what the policy says', what)];
  });
}

function sameAsPolicy(name: string, value: unknown, wanted: Readonly<Record<string, string>>): string | undefined {
  if (!Object.hasOwn(wanted, name)) return 'the policy does not name it';
  const said = typeof value === 'boolean' || typeof value === 'number' ? String(value) : literal(value);
  if (said === undefined) return 'its value is not said outright';
  return said === wanted[name] ? undefined : 'it is not what the policy says';
}

const credentials =
  /token|passw(?:or)?d|secret|credential|access_key|private_key|encryption_key|profile|role|impersonat|external_id|^shared_|endpoint|proxy|client_(?:id|certificate)|oidc|msi|sas_|^conn_str$|^username$|config_path|^exec$|^headers$|ca_bundle|insecure/i;

/** An override file is merged over what a reader of the others sees. */
export const overrides: Rule = ({ files }) =>
  files
    .filter(({ file }) => /(?:^|[/_])override\.(?:tf|tofu)(?:\.json)?$/.test(file))
    .flatMap(({ file, root }) =>
      [
        ...blocks(root, 'terraform', 0).flatMap(terraform => [
          ...blocks(terraform, 'backend', 1),
          ...blocks(terraform, 'cloud', 0),
          ...blocks(terraform, 'required_providers', 0),
        ]),
        ...blocks(root, 'provider', 1),
        ...blocks(root, 'module', 1).filter(({ body }) => 'source' in body || 'version' in body),
      ].map(block =>
        finding(file, block, 'override', 'replaces what another file says', 'write it in the file that it replaces'),
      ),
    );
