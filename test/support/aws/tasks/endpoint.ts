/**
 * What a task finds at the link-local address of Fargate: its role's credentials, and who it is.
 * https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-iam-roles.html
 */
import { randomUUID } from 'node:crypto';
import { createServer } from 'node:http';
import type { Credentials } from '../sessions.ts';

export interface TaskEndpoint {
  /** Both URIs are known to the task alone. */
  add(task: string, role: string): { readonly metadataUri: string; readonly credentialsUri: string };
  remove(task: string): void;
  stop(): void;
}

export function startTaskEndpoint(issue: (role: string, name: string) => Credentials): Promise<TaskEndpoint> {
  const tasks = new Map<string, { readonly task: string; readonly role: string }>();
  const answer = (url: string): unknown => {
    const [, kind = '', id = '', rest = ''] = /^\/(v2\/credentials|v4)\/([^/]+)(\/task)?$/.exec(url) ?? [];
    const found = tasks.get(id);
    if (!found) return undefined;
    const { task, role } = found;
    if (kind === 'v4') return rest === '' ? { Labels: { 'com.amazonaws.ecs.task-arn': task } } : { TaskARN: task };
    const { accessKeyId, secretAccessKey, sessionToken, expiration } = issue(role, task.split('/').at(-1) ?? '');
    const keys = { AccessKeyId: accessKeyId, SecretAccessKey: secretAccessKey, Token: sessionToken };
    return { RoleArn: role, ...keys, Expiration: expiration.toISOString() };
  };
  const server = createServer((request, response) => {
    const found = answer(request.url ?? '');
    response.writeHead(found === undefined ? 404 : 200, { 'content-type': 'application/json' });
    response.end(JSON.stringify(found ?? {}));
  });
  return new Promise(resolve => {
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      const url = `http://127.0.0.1:${typeof address === 'object' && address ? address.port : 0}`;
      resolve({
        add(task, role) {
          const id = randomUUID();
          tasks.set(id, { task, role });
          return { metadataUri: `${url}/v4/${id}`, credentialsUri: `${url}/v2/credentials/${id}` };
        },
        remove(task) {
          for (const [id, found] of tasks) if (found.task === task) tasks.delete(id);
        },
        stop() {
          server.close();
          server.closeAllConnections();
        },
      });
    });
  });
}
