/** The clients of AWS that a worker speaks through: loaded when there is something to ask, each for one region. */
import type { LambdaClient } from '@aws-sdk/client-lambda';
import type { SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import type { Session } from '../policies/contract/worker.ts';

/** With the worker's own role; it asks once, since whoever asks the door asks again himself. */
export async function lambdaClient(region: string): Promise<LambdaClient> {
  const { LambdaClient } = await import('@aws-sdk/client-lambda');
  return new LambdaClient({ region, maxAttempts: 1 });
}

/** With this session and nothing else. */
export async function secretsClient(region: string, session: Session): Promise<SecretsManagerClient> {
  const { SecretsManagerClient } = await import('@aws-sdk/client-secrets-manager');
  const { accessKeyId, secretAccessKey, sessionToken } = session;
  return new SecretsManagerClient({
    region,
    credentials: { accessKeyId, secretAccessKey, sessionToken },
    requestHandler: { connectionTimeout: 3000, requestTimeout: 10_000 },
  });
}
