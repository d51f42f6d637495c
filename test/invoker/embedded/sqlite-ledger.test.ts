import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { DatabaseSync } from 'node:sqlite';
import { expect, test } from 'vitest';
import { dataDirectory } from '../../../invoker/embedded/data-directory.ts';
import { sqliteLedger } from '../../../invoker/embedded/sqlite-ledger.ts';
import { deriveKeys } from '../../../invoker/secret.ts';
import { verifyChain } from '../../../policies/audit-chain.ts';
import { isMacOf } from '../../../policies/mac.ts';
import { temporaryDirectory } from '../../support/temporary-directory.ts';
import { ledgerContract } from '../ledger-contract.ts';
import { t0 } from '../sample-run.ts';

const openLedger = (directory: string) => {
  const { database, rootKey } = dataDirectory(directory);
  const keys = deriveKeys(rootKey);
  return { database, keys, ledger: sqliteLedger({ database, keys, now: () => t0 }) };
};

ledgerContract('the ledger on sqlite', async () => {
  const directory = temporaryDirectory('data');
  const { database, keys, ledger } = openLedger(directory);
  const databases: DatabaseSync[] = [database];
  return {
    ledger,
    isMac: async (purpose, mac, text) => isMacOf(mac, text, keys[purpose]),
    afterPowerCut: async () => {
      // What a disk holds in this instant, the write-ahead log not yet taken in.
      const copy = temporaryDirectory('data');
      cpSync(directory, copy, { recursive: true });
      const later = openLedger(copy);
      databases.push(later.database);
      return later.ledger;
    },
    close: () => {
      for (const one of databases) one.close();
    },
  };
});

test('an audit trail of which one byte was changed in the file does not verify', async () => {
  const directory = temporaryDirectory('data');
  const { database, keys, ledger } = openLedger(directory);
  for (const caller of ['anna.k', 'ben.o', 'carla.m']) await ledger.record({ kind: 'cancel', caller });
  database.close();
  const file = join(directory, 'ledger.sqlite');
  const bytes = readFileSync(file);
  const at = bytes.indexOf('ben.o');
  expect(bytes.indexOf('ben.o', at + 1)).toBe(-1);
  const check = async () => {
    const { database, ledger } = openLedger(directory);
    const verdict = verifyChain(await ledger.audit(0, 9), keys.audit);
    database.close();
    return verdict;
  };
  expect(await check()).toMatchObject({ ok: true, seq: 3 });
  writeFileSync(file, bytes.fill('B', at, at + 1));
  expect(await check()).toMatchObject({ ok: false, seq: 2, why: 'it was changed: its hash does not match' });
});
