/** What was said by flag, environment and config file, in this order of precedence, each value with its source. */
import type { ConfigFile } from './config-file.ts';
import { done, fail, type Outcome } from './failure.ts';
import { type FlagName, flags, twinOf } from './flags.ts';
import type { Env } from './invocation.ts';

export interface Setting<T = string> {
  readonly value: T;
  /** As people see it: `--ref`, `INFRA_DEPLOYER_REF`, `.infra-deployer.yaml`, `CI_COMMIT_BRANCH`. */
  readonly source: string;
}

/** Switches that are off are not in it. */
export type Given = ReadonlyMap<FlagName, Setting>;

/** An empty variable counts as not set: in CI files that is how a variable without a value arrives. */
export function collectGiven(
  names: readonly FlagName[],
  argv: ReadonlyMap<FlagName, string>,
  env: Env,
  config?: ConfigFile,
): Outcome<Given> {
  const given = new Map<FlagName, Setting>();
  for (const name of names) {
    const setting = lookUp(name, argv, env, config);
    if (!setting) continue;
    const checked = check(name, setting);
    if (!checked.ok) return checked;
    if (checked.value) given.set(name, checked.value);
  }
  return done(given);
}

function lookUp(name: FlagName, argv: ReadonlyMap<FlagName, string>, env: Env, config?: ConfigFile) {
  const flag = argv.get(name);
  if (flag !== undefined) return { value: flag, source: `--${name}` };
  const twin = twinOf(name);
  const variable = env[twin];
  if (variable) return { value: variable, source: twin };
  const value = config?.values.get(name);
  return config && value !== undefined ? { value, source: config.name } : undefined;
}

function check(name: FlagName, setting: Setting): Outcome<Setting | undefined> {
  const { takes, values } = flags[name];
  const { value, source } = setting;
  const code = source.startsWith('--') ? 'E_USAGE' : 'E_SETTINGS';
  if (takes === undefined) {
    if (isOn(value)) return done(setting);
    if (/^(?:false|0)$/i.test(value)) return done(undefined);
    return fail(code, `\`${source}\` is \`${value}\`, but ${name} is on or off`, 'set it to true or false');
  }
  if (value === '') return fail(code, `\`${source}\` is empty`, `give it a value: ${takes}`);
  if (values && !values.includes(value)) {
    return fail(code, `\`${source}\` is \`${value}\``, `${name} is one of ${values.join(', ')}`);
  }
  return done(setting);
}

export const isOn = (value: string | undefined): boolean => /^(?:true|1)$/i.test(value ?? '');
