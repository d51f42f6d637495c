/** The audit door by direct invocation: whoever the platform lets invoke it reads everything, and changes nothing. */
import { bodyReader } from '../policies/body.ts';
import {
  AuditCheckSchema,
  type AuditOperations,
  AuditQuerySchema,
  RunQuerySchema,
  type VerifyAudit,
} from './audit-operations.ts';
import { readLogsQuery, readRunId } from './direct-deploy.ts';
import { type DirectDoorParts, directDoor } from './direct-door.ts';
import { orThrow } from './errors.ts';
import type { RunReading } from './run-reading.ts';

export interface DirectAuditParts extends Pick<DirectDoorParts, 'failed'> {
  readonly operations: AuditOperations & Pick<RunReading, 'getRun' | 'getLogs'> & { readonly verifyAudit: VerifyAudit };
}

const readRunQuery = bodyReader(RunQuerySchema);
const readAuditQuery = bodyReader(AuditQuerySchema);
const readAuditCheck = bodyReader(AuditCheckSchema);
const auditor = { kind: 'audit', caller: 'audit door' } as const;

export const directAudit = ({ operations, failed }: DirectAuditParts) => {
  const read = (answer: (request: string) => Promise<unknown>) => ({
    perform: async (request: string) => ({ status: 200, body: await answer(request) }),
  });
  return directDoor({
    operations: {
      listRuns: read(request => operations.listRuns(orThrow(readRunQuery(request)))),
      listAudit: read(request => operations.listAudit(orThrow(readAuditQuery(request)))),
      verifyAudit: read(request => operations.verifyAudit(orThrow(readAuditCheck(request)))),
      getRun: read(async request => operations.getRun(orThrow(readRunId(request)).id, auditor)),
      getLogs: read(async request => {
        const { id, cursor } = orThrow(readLogsQuery(request));
        return operations.getLogs(id, cursor, auditor);
      }),
    },
    failed,
  });
};
