/** Writes the JSON Schema of the policy file, for editors, from the schema that the policy is checked with. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { AllowlistSchema } from '../../policies/allowlist-schema.ts';

const file = join(import.meta.dirname, '..', '..', 'policies', 'allowlist.schema.json');

export function allowlistJsonSchema(): string {
  const head = { $schema: 'https://json-schema.org/draft/2020-12/schema', title: 'infra-deployer policy' };
  return `${JSON.stringify({ ...head, ...AllowlistSchema }, undefined, 2)}\n`;
}

if (import.meta.main ?? process.argv[1] === import.meta.filename) writeFileSync(file, allowlistJsonSchema());
