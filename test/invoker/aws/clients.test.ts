import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { KMSClient, ListKeysCommand } from '@aws-sdk/client-kms';
import { expect, test } from 'vitest';
import { usual } from '../../../invoker/aws/clients.ts';

test('a client gives up on an AWS that takes a request and says nothing', { timeout: 60_000 }, async () => {
  const silent = await new Promise<Server>(resolve => {
    const server = createServer(() => {}).listen(0, '127.0.0.1', () => resolve(server));
  });
  const endpoint = `http://127.0.0.1:${(silent.address() as AddressInfo).port}`;
  const credentials = { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'secret' };
  const client = new KMSClient({ ...usual, maxAttempts: 1, endpoint, region: 'eu-west-1', credentials });
  await expect(client.send(new ListKeysCommand({}))).rejects.toMatchObject({ name: 'TimeoutError' });
  silent.closeAllConnections();
  silent.close();
});
