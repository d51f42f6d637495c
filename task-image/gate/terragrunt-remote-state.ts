/** What a `remote_state` block may say: what the policy says, and a file in the stack that says it to Terraform. */
import { type Block, isBody, listed, literal } from '../hcl/document.ts';
import { configurationFindings } from './backend-rules.ts';
import { type Finding, finding, header, tunable } from './finding.ts';
import type { Wanted } from './module.ts';
import { said, type TerragruntPlace } from './terragrunt-path.ts';

export function remoteState(file: string, block: Block, place: TerragruntPlace, { settings }: Wanted): Finding[] {
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

/** Terragrunt makes the bucket of these where there is none, unless it may not initialise them. */
const bootstrapped: ReadonlySet<string> = new Set(['s3', 'gcs']);
