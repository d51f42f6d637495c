/** Reads a request as bytes from outside into the form that everything inside trusts. */
import { compiled } from './compiled.ts';
import { ok, type Result, refuse } from './contract/error.ts';
import { type Request, type RequestBody, RequestSchema } from './contract/request.ts';
import { canonicalPath } from './path.ts';
import { canonicalRef, commitSha } from './ref.ts';
import { schemaRefusal } from './schema-problem.ts';
import { parseStrictJson } from './strict-json.ts';

const schema = compiled(RequestSchema);

/** Strict JSON (E_JSON), the schema (E_SCHEMA), then `canonicalRequest`. */
export function readRequest(bytes: Uint8Array): Result<Request> {
  const json = parseStrictJson(bytes);
  if (!json.ok) return json;
  const checked = schema();
  if (checked.Check(json.value)) return canonicalRequest(json.value);
  return { ok: false, problem: schemaRefusal(RequestSchema, checked.Errors(json.value), 'the body') };
}

/** Path and ref in their one form (E_PATH_SYNTAX, E_REF_SYNTAX); a plan names no plan (E_BAD_REQUEST). */
export function canonicalRequest(body: RequestBody): Result<Request> {
  const path = canonicalPath(body.path);
  if (!path.ok) return path;
  const ref = canonicalRef(body.ref);
  if (!ref.ok) return ref;
  if (body.planId !== undefined && body.command === 'plan') {
    return refuse('E_BAD_REQUEST', '`planId` names the plan of an apply', 'leave it out, or apply');
  }
  if (ref.value.kind === 'commit' && body.sha !== undefined && body.sha !== ref.value.commit) {
    return refuse('E_BAD_REQUEST', '`ref` and `sha` name two commits', 'leave `sha` out');
  }
  const { sha: text, ...rest } = body;
  if (text === undefined) return ok({ ...rest, path: path.value, ref: ref.value });
  const sha = commitSha(text);
  return sha.ok ? ok({ ...rest, path: path.value, ref: ref.value, sha: sha.value }) : sha;
}
