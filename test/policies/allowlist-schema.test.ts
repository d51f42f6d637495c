import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { allowlistJsonSchema } from '../support/write-schema.ts';

test('the JSON Schema for editors is what the code checks with', () => {
  const written = readFileSync(join(import.meta.dirname, '../../policies/allowlist.schema.json'), 'utf8');
  expect(written, 'fix: npm run schema').toBe(allowlistJsonSchema());
});

test('the JSON Schema closes every object, and describes every place that an editor shows', () => {
  const objects: unknown[] = [];
  const bare: string[] = [];
  JSON.parse(allowlistJsonSchema(), (key, node) => {
    if (node?.type === 'object') objects.push(node.additionalProperties);
    if (key === 'properties') {
      bare.push(...Object.keys(node).filter(name => typeof node[name].description !== 'string'));
    }
    return node;
  });
  expect(new Set(objects)).toEqual(new Set([false]));
  expect(bare).toEqual([]);
});
