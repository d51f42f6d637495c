/** Where an apply puts the state that its backend did not take: the only record of what it has made, under the run's id. */
import type { S3Client } from '@aws-sdk/client-s3';
import type { RunRecord } from '../run.ts';
import { s3Grants } from './s3-grants.ts';

/** Its size is not known beforehand, so the grant binds the key and that nothing is replaced. An hour, and asked for again. */
export function erroredStates(parts: { client: S3Client; bucket: string; now: () => number }) {
  const grants = s3Grants({ ...parts, seconds: 3600 });
  return async ({ id }: Pick<RunRecord, 'id'>): Promise<string> => grants.create(erroredStateKey(id));
}

export const erroredStateKey = (runId: string): string => `${runId}.tfstate`;
