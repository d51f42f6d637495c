/** Runs the gate over files in a directory, with one reading process for all tests of a file. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterAll } from 'vitest';
import type { Repository } from '../../../policies/allowlist.ts';
import { canonicalPath } from '../../../policies/path.ts';
import { stackSettings } from '../../../policies/stack.ts';
import type { Finding } from '../../../task-image/gate/finding.ts';
import { gate } from '../../../task-image/gate/gate.ts';
import { hclReader } from '../../../task-image/hcl/reader.ts';
import { policyFrom } from '../../support/policy.ts';
import { temporaryDirectory } from '../../support/temporary-directory.ts';
import { value } from '../../support/value.ts';

const reader = hclReader({ deadlineMs: 240_000 });
afterAll(() => reader.close());
const shared = { ...reader, close: () => {} };

export interface Given {
  readonly stacks?: readonly object[];
  readonly modules?: readonly object[];
}

export type Files = Readonly<Record<string, string | Uint8Array>>;

/** Files by path; those without a slash lie in the stack, `prod/vpc`, and `./x` at the root. */
export async function gated(files: Files, given: Given = {}): Promise<readonly Finding[]> {
  const root = temporaryDirectory();
  for (const [name, content] of Object.entries(files)) {
    const file = join(root, name.includes('/') ? name : `prod/vpc/${name}`);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, content);
  }
  return gateOf(root, given).stack();
}

export function gateOf(root: string, { stacks, modules }: Given = {}) {
  const repository = repositoryWith(stacks, modules);
  const path = value(canonicalPath('prod/vpc'));
  return gate({ root, path, repository, settings: stackSettings(repository, path), openReader: () => shared });
}

/** The rules that were broken, each as often as it was. */
export const rulesOf = (findings: readonly Finding[]): string[] => findings.map(({ rule }) => rule);

export function repositoryWith(stacks?: readonly object[], modules?: readonly object[]): Repository {
  const policy = policyFrom({
    version: 1,
    repositories: {
      'infra-live': {
        url: 'git@gitlab.example.com:acme/infra-live.git',
        deploy_key: 'file:/etc/key',
        known_hosts:
          'gitlab.example.com ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA',
        ...(modules === undefined ? {} : { modules }),
        rules: [{ name: 'plan', allow: ['plan'], refs: ['refs/heads/**'], paths: ['**'] }],
        ...(stacks === undefined ? {} : { stacks: stacks.map(stack => ({ paths: ['**'], ...stack })) }),
      },
    },
  });
  const [repository] = policy.repositories.values();
  if (!repository) throw new Error('there is no repository');
  return repository;
}
