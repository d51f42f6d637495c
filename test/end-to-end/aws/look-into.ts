/** Looks into the ledger of an account past all policies, and lets time pass in it. */
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { dynamoLedger } from '../../../invoker/aws/dynamo-ledger.ts';
import { dynamoTable } from '../../../invoker/aws/dynamo-table.ts';
import type { Ledger } from '../../../invoker/ledger.ts';
import type { RunRecord } from '../../../invoker/run.ts';
import type { AuditEvent } from '../../../policies/contract/audit-entry.ts';
import { type Account, functionOf } from './account.ts';

export interface LedgerInside extends Pick<Ledger, 'receipt'> {
  /** Throws when there is no such run. */
  readonly run: (id: string) => Promise<RunRecord>;
  /** Everything that the audit trail says. */
  readonly trail: () => Promise<readonly AuditEvent[]>;
  /** As if the run had been claimed, heard of and ended so much earlier; the keeper then looks at it. */
  readonly elapse: (id: string, ms: number) => Promise<void>;
}

export function lookInto({ rendered, admin, front }: Account): LedgerInside {
  const mac = () => Promise.reject(new Error('nobody writes here who needs a key'));
  const table = dynamoTable({ client: new DynamoDBClient(admin), table: rendered.table.name });
  const ledger = dynamoLedger({ table, mac, now: Date.now });
  const run = async (id: string): Promise<RunRecord> => {
    const found = await ledger.get(id);
    if (found === undefined) throw new Error(`no run ${id}`);
    return found;
  };
  return {
    run,
    receipt: ledger.receipt,
    trail: async () => (await ledger.audit(0, 10_000)).map(({ event }) => event),
    elapse: async (id, ms) => {
      const { version, leaseUntil, endedAt, ...rest } = await run(id);
      const earlier = {
        ...(leaseUntil === undefined ? {} : { leaseUntil: leaseUntil - ms }),
        ...(endedAt === undefined ? {} : { endedAt: endedAt - ms }),
      };
      const moved = await ledger.transition(version, { ...rest, version, ...earlier });
      if (typeof moved === 'string') throw new Error(`time did not pass: ${moved}`);
      front.deliver(functionOf(rendered, 'keeper').aliasArn, {});
    },
  };
}
