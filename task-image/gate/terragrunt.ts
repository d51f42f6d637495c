/** What Terragrunt's own files may do: describe a stack. They may not run programs, write files or choose who does it. */
import { canonicalPath } from '../../policies/path.ts';
import { matches } from '../../policies/pattern.ts';
import { quote } from '../../policies/quote.ts';
import { type Block, blocks, isBody, listed, literal, texts } from '../hcl/document.ts';
import { calls } from '../hcl/expressions.ts';
import { type Finding, finding, header, tunable } from './finding.ts';
import type { ConfigurationFile, Wanted } from './module.ts';
import { isRelative, saidPath, saidSource, type TerragruntPlace } from './terragrunt-path.ts';
import { remoteState } from './terragrunt-remote-state.ts';

/** What a file names besides itself, as paths from the root. */
export interface Named {
  readonly findings: readonly Finding[];
  /** Read with this file, as a part of it. */
  readonly included: readonly string[];
  /** Read by itself. */
  readonly configurations: readonly string[];
  /** Stacks whose outputs it uses. */
  readonly stacks: readonly string[];
  readonly sources: readonly { readonly block: Block; readonly source: string | undefined }[];
}

export function terragruntFile({ file, root }: ConfigurationFile, place: TerragruntPlace, wanted: Wanted): Named {
  const refused = (block: Block, why: string, what?: string): Finding =>
    finding(
      file,
      block,
      'terragrunt',
      why,
      'write it so that the repository alone says what it means, or leave it out',
      what,
    );
  const findings: Finding[] = [];
  /** The file that a text names. */
  const existing = (block: Block, value: unknown, name: string, isOptional = false): string[] => {
    const path = typeof value === 'string' ? saidPath(value, place) : undefined;
    const entry = path === undefined ? undefined : place.entry(path);
    if (path !== undefined && entry === 'file') return [path];
    if (path !== undefined && entry === undefined && isOptional) return [];
    findings.push(
      refused(block, 'it names a file that cannot be told from the repository', `${header(block)} ${name}`),
    );
    return [];
  };
  const checkNames = (block: Block, names: ReadonlySet<string>): void => {
    for (const name of Object.keys(block.body))
      if (!names.has(name)) {
        const why = chooses.test(name) ? 'it chooses how and as whom Terraform runs' : 'it is not known what it does';
        findings.push(refused(block, why, `${header(block)} ${quote(name)}`.trim()));
      }
  };

  const terraform = blocks(root, 'terraform', 0);
  for (const [type, rule, why] of programs)
    for (const block of terraform.flatMap(one => blocks(one, type, 1))) findings.push(tunable(file, block, rule, why));
  for (const block of blocks(root, 'generate', 0))
    findings.push(tunable(file, block, 'generate', 'writes a file that nobody has reviewed'));
  checkNames(root, known);
  for (const block of terraform) checkNames(block, knownOfTerraform);
  for (const block of blocks(root, 'remote_state', 0)) {
    checkNames(block, knownOfRemoteState);
    findings.push(...remoteState(file, block, place, wanted));
  }

  const includes = blocks(root, 'include', 0).flatMap(block => {
    const paths = pathsBelow(block.body);
    return (paths.length === 0 ? [undefined] : paths).flatMap(path => existing(block, path, 'path'));
  });
  const configurations = [...texts(root)].flatMap(({ text, line }) => {
    const block = { ...root, line };
    const found = calls(text, judged);
    if (found === undefined)
      findings.push(refused(block, 'it calls too many functions to tell what they do', 'a text'));
    return (found ?? []).flatMap(({ name, args: [first = '', ...others] }) => {
      const what = `${name}(…)`;
      if (name === 'run_cmd') findings.push(tunable(file, block, 'run-cmd', 'runs a program while planning', what));
      if (name === 'sops_decrypt_file') findings.push(refused(block, 'it decrypts with what the worker holds', what));
      if (name === 'get_env' && (!/^"[A-Za-z_]\w*"$/.test(first) || secret.test(first)))
        findings.push(refused(block, 'it reads a credential, or what may be one', what));
      // Files in the checkout may look like a repository of their own to git, and say where its root is.
      if (asksGit.test(name)) findings.push(refused(block, 'it asks git, and the checkout is no repository', what));
      return name === 'read_terragrunt_config' ? existing(block, `\${${first}}`, what, others.length > 0) : [];
    });
  });
  const stacks = blocks(root, 'dependency', 1).flatMap(block => {
    const path = canonicalPath(dependencyDirectory(block, place) ?? '');
    if (!path.ok) findings.push(refused(block, 'it names a stack that cannot be told from the repository'));
    else if (wanted.settings.reads.some(pattern => matches(pattern, path.value))) return [path.value];
    else
      findings.push(
        finding(
          file,
          block,
          'remote-state',
          'it reads the state of a stack that `reads` does not name',
          'have an admin add its path to `reads` for this path',
        ),
      );
    return [];
  });
  const sources = terraform.flatMap(block =>
    listed(block.body.source).map(value => ({
      block,
      source: typeof value === 'string' ? (literal(value) ?? saidSource(value, place)) : undefined,
    })),
  );
  return { findings, included: includes, configurations, stacks, sources };
}

const programs = [
  ['before_hook', 'hook', 'runs a program before Terraform'],
  ['after_hook', 'hook', 'runs a program after Terraform'],
  ['error_hook', 'hook', 'runs a program when Terraform fails'],
  ['extra_arguments', 'extra-arguments', 'changes what Terraform is told to do'],
] as const;

/** A top-level name that is judged above, or that only describes. */
const known: ReadonlySet<string> = new Set([
  'terraform',
  'generate',
  'remote_state',
  'include',
  'dependency',
  'dependencies',
  'locals',
  'inputs',
  'skip',
  'prevent_destroy',
  'retryable_errors',
  'retry_max_attempts',
  'retry_sleep_interval_sec',
  'terraform_version_constraint',
  'terragrunt_version_constraint',
  'catalog',
  'feature',
  'exclude',
  'errors',
]);

/** `include_in_copy` would bring hidden files, of which Terragrunt believes some. */
const knownOfTerraform: ReadonlySet<string> = new Set(['source', ...programs.map(([type]) => type)]);

/** OpenTofu's encryption is none of them. */
const knownOfRemoteState: ReadonlySet<string> = new Set([
  'backend',
  'config',
  'generate',
  'disable_init',
  'disable_dependency_optimization',
]);

const judged = /^(?:run_cmd|sops_decrypt_file|get_env|read_terragrunt_config|get_\w*repo_root)$/;
const asksGit = /repo_root$/;
const chooses = /^(?:terraform_binary|iam_|download_dir|engine)/;
const secret = /SECRET|TOKEN|PASS|KEY|CREDENTIAL|SESSION|INFRA_DEPLOYER/i;

/** With a label or without, `path` is what is included. */
function pathsBelow(value: unknown): string[] {
  if (Array.isArray(value)) return value.flatMap(pathsBelow);
  if (!isBody(value)) return [];
  return Object.entries(value).flatMap(([name, inner]) =>
    name === 'path' && typeof inner === 'string' ? [inner] : pathsBelow(inner),
  );
}

/** A directory with a configuration: of a file Terragrunt would read just that. */
function dependencyDirectory({ body: { config_path: given } }: Block, place: TerragruntPlace): string | undefined {
  // Terragrunt counts from the included file to look for cycles, and from the one that includes it to read.
  if (typeof given !== 'string' || (isRelative(given, place) && place.fileDirectory !== place.directory))
    return undefined;
  const path = saidPath(given, place);
  const isThere = ['terragrunt.hcl', 'terragrunt.hcl.json'].some(name => place.entry(`${path}/${name}`) === 'file');
  return path !== undefined && isThere ? path : undefined;
}
