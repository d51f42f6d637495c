/** Reads JSON that means the same to every reader: what parsers understand in different ways is refused. */
import { ok, type Result, refuse } from './contract/error.ts';

export interface JsonLimits {
  readonly maxDepth: number;
  readonly forbiddenKeys: ReadonlySet<string>;
}

/** Of what is sent to a door. */
const bodyLimits: JsonLimits = {
  maxDepth: 16,
  forbiddenKeys: new Set(['__proto__', 'constructor', 'prototype']),
};

/** Refuses (E_JSON) bad UTF-8, a byte order mark, keys given twice, keys of prototypes, lone surrogates, deep nesting. */
export function parseStrictJson(body: Uint8Array | string, limits = bodyLimits): Result<unknown> {
  const text = decode(body);
  if (text === undefined) return refuse('E_JSON', 'the body is not UTF-8');
  if (text.startsWith('\ufeff')) return refuse('E_JSON', 'the body starts with a byte order mark');
  const value = parse(text);
  if (value === undefined) return refuse('E_JSON', 'the body is not one JSON value');
  const counted = countKeys(value, 0, limits);
  if (typeof counted === 'string') return refuse('E_JSON', counted);
  if (counted !== countWrittenKeys(text)) return refuse('E_JSON', 'an object has the same key twice');
  return ok(value);
}

/** A text with half of a character pair is what no UTF-8 can say. */
function decode(body: Uint8Array | string): string | undefined {
  if (typeof body === 'string') return body.isWellFormed() ? body : undefined;
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(body);
  } catch {
    return undefined;
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** All keys at every depth, or what is wrong. The recursion ends at the depth that is refused. */
function countKeys(value: unknown, depth: number, limits: JsonLimits): number | string {
  if (typeof value === 'string' && !value.isWellFormed()) return 'a text has half of a character pair';
  if (typeof value !== 'object' || value === null) return 0;
  if (depth === limits.maxDepth) return `the body is nested deeper than ${depth} levels`;
  const keys = Array.isArray(value) ? [] : Object.keys(value);
  if (keys.some(key => !key.isWellFormed())) return 'a key has half of a character pair';
  if (keys.some(key => limits.forbiddenKeys.has(key))) return 'a key has a name that prototypes use';
  let count = keys.length;
  for (const inner of Object.values(value)) {
    const found = countKeys(inner, depth + 1, limits);
    if (typeof found === 'string') return found;
    count += found;
  }
  return count;
}

/** `JSON.parse` keeps the last of two equal keys, so more keys written than kept means one was lost. `text` is valid JSON. */
function countWrittenKeys(text: string): number {
  let count = 0;
  for (const token of text.matchAll(/"(?:[^"\\]+|\\.)*"(\s*:)?/g)) if (token[1] !== undefined) count++;
  return count;
}
