/** Writes command lines that can be pasted into a shell as they are. */
import { type FlagName, flags } from './flags.ts';
import type { Given } from './given.ts';

export function commandLine(...words: readonly string[]): string {
  return ['infra-deployer', ...words].map(quote).join(' ');
}

/** The named flags that were given as flags: what the environment and files say, they say again next time. */
export function repeated(given: Given, names: readonly FlagName[]): string[] {
  return names.flatMap(name => {
    const setting = given.get(name);
    if (setting?.source !== `--${name}`) return [];
    return flags[name].takes === undefined ? [`--${name}`] : [`--${name}`, setting.value];
  });
}

const quote = (word: string) => (/^[\w./:@=+,…-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`);
