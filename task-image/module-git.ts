/** The git that Terraform runs to fetch modules: where it may go, and nothing but what is said here to go by. */
import { stripVTControlCharacters } from 'node:util';
import { Failure } from './failure.ts';
import { knownGitFailure } from './git.ts';

export type Protocol = 'ssh' | 'https';

/** By environment, so that it outweighs every file: a submodule is never active, a redirect never followed. */
const configuration = {
  'core.hooksPath': '/dev/null',
  'core.fsmonitor': 'false',
  'core.symlinks': 'false',
  'init.templateDir': '',
  // A repository inside of another one may not say which program git runs.
  'safe.bareRepository': 'explicit',
  'protocol.version': '2',
  'transfer.fsckObjects': 'true',
  'http.followRedirects': 'false',
  'submodule.recurse': 'false',
  // A module's own list of submodules would take git, with our keys, to repositories that no gate has seen.
  'submodule.active': ':(exclude)*',
  'gc.auto': '0',
  'maintenance.auto': 'false',
};

/** With no protocol git goes nowhere. */
export const moduleGit = (protocols: readonly Protocol[]): Record<string, string> => ({
  GIT_ALLOW_PROTOCOL: protocols.join(':') || 'none',
  GIT_TERMINAL_PROMPT: '0',
  GIT_LFS_SKIP_SMUDGE: '1',
  GIT_CONFIG_NOSYSTEM: '1',
  GIT_CONFIG_GLOBAL: '/dev/null',
  GIT_CONFIG_COUNT: String(Object.keys(configuration).length),
  ...Object.fromEntries(
    Object.entries(configuration).flatMap(([key, value], at) => [
      [`GIT_CONFIG_KEY_${at}`, key],
      [`GIT_CONFIG_VALUE_${at}`, value],
    ]),
  ),
});

/** What our ssh says to a url that is none of the policy's. */
export const unlisted = 'no repository of `modules` in the policy has this url';

/** Why Terraform could not fetch a module, as far as git's words tell; Terraform has broken them into lines. */
export function moduleFailure(output: string): Failure | undefined {
  const words = stripVTControlCharacters(output).replaceAll(/[\s│]+/g, ' ');
  if (!/could not download module|failed to download module|downloading source url/i.test(words)) return undefined;
  if (words.includes(unlisted) || /transport '[^']*' not allowed/.test(words))
    return new Failure(
      'E_INIT',
      'a module comes from where the policy lets nobody fetch',
      'have an admin list its repository in `modules` (ssh, with a read-only key) or in `module_sources` (https)',
    );
  if (/returned error: 30[1278]/.test(words))
    return new Failure(
      'E_INIT',
      'the address of a module leads to another address, which nobody has allowed',
      'write the address that it leads to, often the same with `.git` at its end',
    );
  return knownGitFailure(words);
}
