/** What makes two requests one: asked again, the run that is there answers, and nothing starts twice. */
import type { Identity } from '../policies/contract/identity.ts';
import type { Request, RequestBody } from '../policies/contract/request.ts';

/**
 * For a job, its command, path and commit: whoever replays its token gets the run it has, whatever `requestId` they choose.
 * For a machine's token, the `requestId`.
 */
export function onceOf({ command, path, sha, requestId }: Request, identity?: Identity): string | undefined {
  if (identity) return JSON.stringify(['job', identity.issuer, identity.job, command, path, sha ?? identity.commit]);
  return requestId === undefined ? undefined : JSON.stringify(['request', requestId]);
}

/** The same but for the `requestId`, which an earlier request of the job may have chosen otherwise. */
export function isSameRequest(stored: RequestBody, asked: Request): boolean {
  const fields = (request: object) =>
    JSON.stringify(
      Object.entries(request)
        .filter(([name]) => name !== 'requestId')
        .sort(([a], [b]) => (a < b ? -1 : 1)),
    );
  return fields(stored) === fields({ ...asked, ref: asked.ref.text });
}
