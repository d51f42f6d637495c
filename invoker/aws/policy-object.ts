/** The policy in force, as an object of a versioned bucket: asked for anew at every decision. What cannot be read decides nothing. */
import { GetObjectCommand, type S3Client } from '@aws-sdk/client-s3';
import { cloudProblems } from '../../policies/cloud-problems.ts';
import { parseAllowlist } from '../../policies/parse.ts';
import { DoorError } from '../errors.ts';
import type { PolicyInForce, PolicySource } from '../policy-source.ts';
import { digestOf } from '../secret.ts';

export interface PolicyObjectParts {
  readonly client: S3Client;
  readonly bucket: string;
  readonly key: string;
  /** Why there is no policy, for the log: what is wrong with it is nothing for callers. */
  readonly broken: (problems: readonly string[]) => void;
}

/** Throws a `DoorError` (E_POLICY_UNAVAILABLE) where the object cannot be read or is no policy: never an older one instead. */
export function policyObject({ client, bucket, key, broken }: PolicyObjectParts): PolicySource {
  let known: { readonly etag: string | undefined; readonly inForce: PolicyInForce } | undefined;

  const unavailable = (problems: readonly string[]): DoorError => {
    broken(problems);
    return new DoorError({
      code: 'E_POLICY_UNAVAILABLE',
      message: 'the policy cannot be read, so nothing is decided',
      fix: "have an admin look at the door's log",
    });
  };

  const fetched = async (): Promise<typeof known> => {
    const condition = known?.etag === undefined ? {} : { IfNoneMatch: known.etag };
    const { Body, ETag } = await client.send(new GetObjectCommand({ Bucket: bucket, Key: key, ...condition }));
    const text = new TextDecoder('utf-8', { fatal: true }).decode(await Body?.transformToByteArray());
    const parsed = parseAllowlist(text, key);
    const problems = parsed.ok ? cloudProblems(parsed.policy) : parsed.problems;
    if (!parsed.ok || problems.length > 0) throw unavailable(problems);
    return { etag: ETag, inForce: { policy: parsed.policy, digest: digestOf(text) } };
  };

  return {
    current: async () => {
      try {
        known = await fetched();
      } catch (error) {
        const isAsBefore = (error as { $metadata?: { httpStatusCode?: number } }).$metadata?.httpStatusCode === 304;
        if (error instanceof DoorError) throw error;
        if (!isAsBefore || known === undefined)
          throw unavailable([`s3://${bucket}/${key}: ${(error as Error).message}`]);
      }
      if (known === undefined) throw unavailable([`s3://${bucket}/${key} is empty`]);
      return known.inForce;
    },
  };
}
