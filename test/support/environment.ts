/** The environment that tests give to the programs they start: built from nothing, so that a developer's shell cannot change a result. */
import { tmpdir } from 'node:os';

export type Environment = Readonly<Record<string, string>>;

/** PATH and a place for temporary files; no home, no proxy, no TF_* or GIT_* of the surrounding shell. */
export function cleanEnvironment(extra: Environment = {}): Record<string, string> {
  return { PATH: process.env.PATH ?? '/usr/bin:/bin', TMPDIR: tmpdir(), HOME: tmpdir(), LANG: 'C.UTF-8', ...extra };
}

/** A fixed identity and no configuration but the repository's own. */
export const gitEnvironment = (extra: Environment = {}): Record<string, string> =>
  cleanEnvironment({
    GIT_CONFIG_GLOBAL: '/dev/null',
    GIT_CONFIG_NOSYSTEM: '1',
    GIT_TERMINAL_PROMPT: '0',
    GIT_AUTHOR_NAME: 'Anna K',
    GIT_AUTHOR_EMAIL: 'anna.k@example.com',
    GIT_COMMITTER_NAME: 'Anna K',
    GIT_COMMITTER_EMAIL: 'anna.k@example.com',
    ...extra,
  });

/** No call home, no colours, and nothing of the developer's own CLI configuration. */
export const terraformEnvironment = (extra: Environment = {}): Record<string, string> =>
  cleanEnvironment({ CHECKPOINT_DISABLE: '1', TF_CLI_CONFIG_FILE: '/dev/null', TF_IN_AUTOMATION: '1', ...extra });
