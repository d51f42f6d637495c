/** Reads a request as bytes from outside into the form that everything inside trusts. */
import { bodyReader } from './body.ts';
import { ok, type Result, refuse } from './contract/error.ts';
import { type Request, type RequestBody, RequestSchema } from './contract/request.ts';
import { canonicalPath } from './path.ts';
import { canonicalRef, commitSha } from './ref.ts';

const readBody = bodyReader(RequestSchema);

/** The body (E_TOO_LARGE, E_JSON, E_SCHEMA), then `canonicalRequest`. */
export function readRequest(body: Uint8Array | string): Result<Request> {
  const read = readBody(body);
  return read.ok ? canonicalRequest(read.value) : read;
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
