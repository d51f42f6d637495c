/** What Terragrunt's own files may do: describe a stack. They may not run programs, write files or choose who does it. */
import { canonicalPath } from '../../policies/path.ts';
import { matches } from '../../policies/pattern.ts';
import { quote } from '../../policies/quote.ts';
import { type Block, blocks, isBody, listed, literal, texts } from '../hcl/document.ts';
import { calls } from '../hcl/expressions.ts';
import { configurationFindings } from './backend-rules.ts';
import { type Finding, finding, header, tunable } from './finding.ts';
import type { ConfigurationFile, Wanted } from './module.ts';
import { said, saidPaths, type TerragruntPlace } from './terragrunt-path.ts';

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
  /** The files that a text names, as far as there are any. */
  const existing = (block: Block, value: unknown, name: string): string[] => {
    const paths = typeof value === 'string' ? saidPaths(value, place).filter(place.exists) : [];
    if (paths.length === 0)
      findings.push(
        refused(block, 'it names a file that cannot be told from the repository', `${header(block)} ${name}`),
      );
    return paths;
  };

  const terraform = blocks(root, 'terraform', 0);
  for (const [type, rule, why] of programs)
    for (const block of terraform.flatMap(one => blocks(one, type, 1))) findings.push(tunable(file, block, rule, why));
  for (const block of blocks(root, 'generate', 0))
    findings.push(tunable(file, block, 'generate', 'writes a file that nobody has reviewed'));
  for (const block of blocks(root, 'remote_state', 0)) findings.push(...remoteState(file, block, place, wanted));
  for (const name of Object.keys(root.body))
    if (!known.has(name))
      findings.push(
        refused(
          root,
          chooses.test(name) ? 'it chooses how and as whom Terraform runs' : 'it is not known what it does',
          quote(name),
        ),
      );

  const includes = blocks(root, 'include', 0).flatMap(block => {
    const paths = pathsBelow(block.body);
    return (paths.length === 0 ? [undefined] : paths).flatMap(path => existing(block, path, 'path'));
  });
  const configurations = [...texts(root)].flatMap(({ text, line }) => {
    const block = { ...root, line };
    const found = calls(text, judged);
    if (found === undefined)
      findings.push(refused(block, 'it calls too many functions to tell what they do', 'a text'));
    return (found ?? []).flatMap(({ name, args: [first = ''] }) => {
      const what = `${name}(…)`;
      if (name === 'run_cmd') findings.push(tunable(file, block, 'run-cmd', 'runs a program while planning', what));
      if (name === 'sops_decrypt_file') findings.push(refused(block, 'it decrypts with what the worker holds', what));
      if (name === 'get_env' && (!/^"[A-Za-z_]\w*"$/.test(first) || secret.test(first)))
        findings.push(refused(block, 'it reads a credential, or what may be one', what));
      return name === 'read_terragrunt_config' ? existing(block, `\${${first}}`, what) : [];
    });
  });
  const stacks = blocks(root, 'dependency', 1).flatMap(block => {
    const [found] = typeof block.body.config_path === 'string' ? saidPaths(block.body.config_path, place) : [];
    const path = canonicalPath(found ?? '');
    if (path.ok && wanted.settings.reads.some(pattern => matches(pattern, path.value))) return [path.value];
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
      source: typeof value === 'string' ? sourceSaid(value, place) : undefined,
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

const judged = /^(?:run_cmd|sops_decrypt_file|get_env|read_terragrunt_config)$/;
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

/** Terragrunt makes the bucket of these where there is none, unless it may not initialise them. */
const bootstrapped: ReadonlySet<string> = new Set(['s3', 'gcs']);

function remoteState(file: string, block: Block, place: TerragruntPlace, { settings }: Wanted): Finding[] {
  const { backend: wanted } = settings;
  const fix = `declare \`backend "${wanted?.type ?? 's3'}" {}\` in the module instead: the worker fills in what the policy says`;
  const type = literal(block.body.backend);
  if (wanted === undefined || type !== wanted.type)
    return [finding(file, block, 'backend', "its backend is not the policy's", fix)];
  const findings: Finding[] = [];
  if (bootstrapped.has(type) && block.body.disable_init !== true)
    findings.push(finding(file, block, 'backend', 'Terragrunt would make the bucket where it is missing', fix));
  for (const generate of listed(block.body.generate))
    if (!isBody(generate) || !/^[\w-]+\.tf$/.test(literal(generate.path) ?? ''))
      findings.push(tunable(file, block, 'generate', 'writes a file elsewhere', `${header(block)} generate`));
  for (const config of listed(block.body.config)) {
    const body = isBody(config)
      ? Object.fromEntries(
          Object.entries(config).map(([name, value]) => [
            name,
            typeof value === 'string' ? (said(value, place) ?? value) : value,
          ]),
        )
      : { config };
    findings.push(...configurationFindings(file, block, body, wanted.config));
  }
  return findings;
}

/** A source that is counted from the root is told from where the file is. */
function sourceSaid(value: string, place: TerragruntPlace): string | undefined {
  const text = said(value, place);
  if (text === undefined || !text.startsWith('\0')) return text;
  const up = place.directory.split('/').map(() => '..');
  return [...up, text.slice(1)].join('/');
}
