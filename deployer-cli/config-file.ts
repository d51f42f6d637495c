/** Finds and reads the config file of a repository: a closed set of keys, each the name of a flag. */
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { done, fail, type Outcome } from './failure.ts';
import { type FlagName, flagNames, flags, isFlagName } from './flags.ts';
import { nearest } from './nearest.ts';

export interface ConfigFile {
  /** As people know it. */
  readonly name: string;
  readonly values: ReadonlyMap<FlagName, string>;
}

const usualName = '.infra-deployer.yaml';

/** `asked` is the value of `--config`; without it the file is optional. */
export async function readConfigFile(cwd: string, asked?: string): Promise<Outcome<ConfigFile | undefined>> {
  const file = asked === undefined ? findConfigFile(cwd) : resolve(cwd, asked);
  if (file === undefined) return done(undefined);
  const name = asked ?? usualName;
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    const why = error instanceof Error && 'code' in error ? String(error.code) : 'it cannot be read';
    return fail('E_SETTINGS', `config file \`${name}\`: ${why}`, 'correct --config, or leave it out');
  }
  return await parseConfig(text, name);
}

/** Upward from `cwd` to the root of its repository; outside a repository only `cwd` itself is trusted to hold one. */
function findConfigFile(cwd: string): string | undefined {
  const places: string[] = [];
  for (let place = cwd; ; place = dirname(place)) {
    places.push(join(place, usualName));
    if (existsSync(join(place, '.git'))) return places.find(existsSync);
    if (dirname(place) === place) return places.slice(0, 1).find(existsSync);
  }
}

export async function parseConfig(text: string, name: string): Promise<Outcome<ConfigFile>> {
  const { isMap, isScalar, LineCounter, parseDocument } = await import('yaml');
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, strict: true, uniqueKeys: true });
  const [error] = [...document.errors, ...document.warnings];
  if (error) {
    return fail('E_SETTINGS', `\`${name}\` line ${lines.linePos(error.pos[0]).line}: it is not valid YAML`, keysFix);
  }
  const values = new Map<FlagName, string>();
  if (document.contents === null) return done({ name, values });
  if (!isMap(document.contents)) return fail('E_SETTINGS', `\`${name}\` does not hold keys and values`, keysFix);
  for (const { key, value } of document.contents.items) {
    const word = isScalar(key) ? String(key.value) : '';
    const line = isScalar(key) && key.range ? lines.linePos(key.range[0]).line : 1;
    const at = `\`${name}\` line ${line}`;
    if (word === 'token')
      return fail('E_SETTINGS', `${at}: a token does not belong into a file of the repository`, tokenFix);
    // Whoever can change a file of the repository would otherwise choose who gets the token.
    if (word === 'server')
      return fail('E_SETTINGS', `${at}: the server is not chosen by a file of the repository`, serverFix);
    if (!isFlagName(word) || !flags[word].config) {
      const meant = nearest(word, keys);
      return fail('E_SETTINGS', `${at}: unknown key \`${word}\``, meant ? `did you mean  ${meant}` : keysFix);
    }
    const content = isScalar(value) ? value.value : undefined;
    const fits = flags[word].takes === undefined ? typeof content === 'boolean' : typeof content === 'string';
    if (!fits) {
      const wanted = flags[word].takes === undefined ? 'true or false' : 'a text';
      return fail('E_SETTINGS', `${at}: \`${word}\` must be ${wanted}`, `write  ${word}: ${exampleOf(word)}`);
    }
    values.set(word, String(content));
  }
  return done({ name, values });
}

const keys = flagNames.filter(name => flags[name].config);
const keysFix = `its keys are ${keys.join(', ')}`;
const tokenFix = 'set INFRA_DEPLOYER_TOKEN in the environment';
const serverFix = 'set INFRA_DEPLOYER_SERVER in the environment, or use --server';
const exampleOf = (name: FlagName) => (flags[name].takes === undefined ? 'true' : `"${flags[name].takes}"`);
