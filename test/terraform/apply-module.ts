/** Applies the Terraform module with real Terraform and the stand-in of the AWS provider, in a directory of its own. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { terraformEnvironment } from '../support/environment.ts';
import { awsProviderMirror } from '../support/providers.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { terraform } from '../support/terraform.ts';

export const moduleDirectory = join(import.meta.dirname, '..', '..', 'terraform');

/** A resource or data source by its address in the module, e.g. `aws_lambda_function.door["deploy"]`. */
export type Resources = ReadonlyMap<string, Readonly<Record<string, unknown>>>;

export interface Applied {
  readonly resources: Resources;
  readonly outputs: Readonly<Record<string, unknown>>;
}

/** Of one installation: the module's variables, and the provider's region. Rejects with what Terraform says. */
export async function applyModule(variables: Readonly<Record<string, unknown>>, region: string): Promise<Applied> {
  const dir = temporaryDirectory('module');
  const configuration = {
    provider: { aws: { region } },
    module: { installed: { source: moduleDirectory, ...variables } },
    output: { all: { value: '${module.installed}' } },
  };
  writeFileSync(join(dir, 'main.tf.json'), JSON.stringify(configuration));
  const options = { env: standInEnvironment(dir), timeoutMs: 300_000 };
  await terraform(dir, ['init', '-input=false', '-no-color'], options);
  await terraform(dir, ['apply', '-auto-approve', '-input=false', '-no-color', '-parallelism=50'], options);
  const { stdout } = await terraform(dir, ['show', '-json'], options);
  const { values } = JSON.parse(stdout) as State;
  const [installed] = values.root_module.child_modules;
  return {
    resources: new Map(installed.resources.map(one => [one.address.replace('module.installed.', ''), one.values])),
    outputs: values.outputs.all.value,
  };
}

/** In which Terraform finds the stand-in, and no other provider; `dir` is where its configuration file is put. */
export function standInEnvironment(dir: string): Record<string, string> {
  const file = join(dir, 'cli.tfrc');
  writeFileSync(file, `provider_installation {\n  filesystem_mirror {\n    path = "${awsProviderMirror}"\n  }\n}\n`);
  return terraformEnvironment({ TF_CLI_CONFIG_FILE: file });
}

interface State {
  readonly values: {
    readonly outputs: { readonly all: { readonly value: Readonly<Record<string, unknown>> } };
    readonly root_module: {
      readonly child_modules: readonly [
        { readonly resources: readonly { readonly address: string; readonly values: Record<string, unknown> }[] },
      ];
    };
  };
}
