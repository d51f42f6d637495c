/** Reads a body from outside, bytes or text: its size, strict JSON and its schema, in this order wherever it comes from. */
import type { Static, TSchema } from 'typebox';
import { compiled } from './compiled.ts';
import { ok, type Result, refuse } from './contract/error.ts';
import { schemaRefusal } from './schema-problem.ts';
import { parseStrictJson } from './strict-json.ts';

/** The bytes that a caller's body has at most. */
export const maxBodyBytes = 16 * 1024;

/** Refuses with E_TOO_LARGE, E_JSON or E_SCHEMA. Nothing at all is no body, which only the schema can refuse. */
export function bodyReader<S extends TSchema>(
  schema: S,
  maxBytes = maxBodyBytes,
): (body: Uint8Array | string) => Result<Static<S>> {
  const check = compiled(schema);
  return body => {
    if (sizeOf(body) > maxBytes) return refuse('E_TOO_LARGE', 'the body is too large');
    const json = body.length === 0 ? ok(undefined) : parseStrictJson(body);
    if (!json.ok) return json;
    const checked = check();
    if (checked.Check(json.value)) return ok(json.value);
    return { ok: false, problem: schemaRefusal(schema, checked.Errors(json.value), 'the body') };
  };
}

const sizeOf = (body: Uint8Array | string): number =>
  typeof body === 'string' ? new TextEncoder().encode(body).length : body.length;
