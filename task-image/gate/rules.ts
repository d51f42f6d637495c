/** The rules that hold for every module of a stack, its own and those that were downloaded. */
import { backend, overrides } from './backend-rules.ts';
import { filePaths } from './file-path.ts';
import type { Finding } from './finding.ts';
import type { Module, Rule, Wanted } from './module.ts';
import { programs } from './programs.ts';
import { providerCredentials } from './provider-credentials.ts';
import { providers } from './provider-rules.ts';
import { remoteState } from './remote-state.ts';

export const judge = (modules: readonly Module[], wanted: Wanted): Finding[] => [
  ...modules.flatMap(module => rules.flatMap(rule => rule(module, wanted))),
  ...filePaths(modules, wanted),
];

const rules: readonly Rule[] = [providers, providerCredentials, programs, backend, overrides, remoteState];
