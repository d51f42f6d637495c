/** The deploy door by direct invocation. */
import { Type } from 'typebox';
import { bodyReader } from '../policies/body.ts';
import { ok, type Problem, type Result } from '../policies/contract/error.ts';
import { RunIdSchema } from '../policies/contract/request.ts';
import { readRequest } from '../policies/request.ts';
import { jobOf, type Principal, type Who } from './bearer.ts';
import type { DeployOperations } from './deploy-operations.ts';
import { type DirectDoorParts, type DirectOperation, directDoor } from './direct-door.ts';
import { type DoorError, orThrow, problemOf } from './errors.ts';
import type { VerifyToken } from './identity/verify.ts';
import type { PolicySource } from './policy-source.ts';
import { CursorSchema } from './run-reading.ts';

export interface DirectDeployParts extends Pick<DirectDoorParts, 'failed'> {
  readonly operations: DeployOperations;
  readonly verify: VerifyToken;
  readonly policy: PolicySource;
}

const closed = { additionalProperties: false } as const;
export const readRunId = bodyReader(Type.Object({ id: RunIdSchema }, closed));
export const readLogsQuery = bodyReader(Type.Object({ id: RunIdSchema, cursor: Type.Optional(CursorSchema) }, closed));

export function directDeploy({ operations, verify, policy, failed }: DirectDeployParts) {
  const asker = async (idToken: string | undefined): Promise<Result<Who>> => {
    if (idToken !== undefined) return jobOf(idToken, verify);
    return (await policy.current()).policy.trustInvoker ? ok({ caller: 'invoker' }) : { ok: false, problem: noToken };
  };

  const perform: Readonly<Record<string, DirectOperation>> = {
    createRun: {
      credential: 'idToken',
      perform: async (request, idToken, invocation) => {
        const asked = orThrow(readRequest(request));
        invocation.who = orThrow(await asker(idToken));
        return { status: 202, body: await operations.createRun(asked, invocation.who, invocation.requestId) };
      },
    },
    decide: {
      credential: 'idToken',
      perform: async (request, idToken) => {
        const asked = orThrow(readRequest(request));
        return { status: 200, body: await operations.decide(asked, orThrow(await asker(idToken))) };
      },
    },
    getRun: {
      credential: 'runKey',
      perform: async (request, runKey) => {
        const { id } = orThrow(readRunId(request));
        return { status: 200, body: await operations.getRun(id, holderOf(runKey)) };
      },
    },
    getLogs: {
      credential: 'runKey',
      perform: async (request, runKey) => {
        const { id, cursor } = orThrow(readLogsQuery(request));
        return { status: 200, body: await operations.getLogs(id, cursor, holderOf(runKey)) };
      },
    },
    cancelRun: {
      credential: 'runKey',
      perform: async (request, runKey, { requestId }) => {
        const { id } = orThrow(readRunId(request));
        return { status: 202, body: await operations.cancelRun(id, holderOf(runKey), requestId) };
      },
    },
  };

  return directDoor({
    operations: perform,
    failed,
    /** As over HTTP, of runs that were asked for; and of events that are no operation, which nobody sends by mistake. */
    refused: async (asked, error, { requestId, who }) => {
      if (asked !== undefined && asked.operation !== 'createRun') return;
      const body = asked?.request ?? '';
      await operations.recordRefusal({ requestId, code: problemOf(error as DoorError).code, who, body });
    },
  });
}

/** INVARIANT: tokens of a machine mean nothing here, so a key is never looked up among them. */
const holderOf = (runKey: string | undefined): Principal =>
  runKey === undefined ? { kind: 'nobody' } : { kind: 'key', secret: runKey };

const noToken: Problem = {
  code: 'E_UNAUTHENTICATED',
  message: 'no ID token, and the policy does not trust whoever may invoke',
  fix: 'give `idToken`, an ID token of an issuer of the policy',
};
