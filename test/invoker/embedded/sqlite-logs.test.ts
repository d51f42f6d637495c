import { DatabaseSync } from 'node:sqlite';
import { logTables, sqliteLogs } from '../../../invoker/embedded/sqlite-logs.ts';
import { logsContract } from '../logs-contract.ts';

logsContract('the logs on sqlite', async () => {
  const database = new DatabaseSync(':memory:');
  database.exec(logTables);
  return { logs: sqliteLogs(database), close: () => database.close() };
});
