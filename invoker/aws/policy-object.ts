/** The policy in force, as an object of a versioned bucket: asked for anew at every decision. What cannot be read decides nothing. */
import { GetObjectCommand, type GetObjectCommandOutput, type S3Client } from '@aws-sdk/client-s3';
import { cloudProblems } from '../../policies/cloud-problems.ts';
import { parseAllowlist } from '../../policies/parse.ts';
import { DoorError } from '../errors.ts';
import type { PolicyInForce, PolicySource } from '../policy-source.ts';
import { digestOf } from '../secret.ts';

export interface PolicyObjectParts {
  readonly client: S3Client;
  readonly bucket: string;
  readonly key: string;
  /** Why there is no policy, for the log: where it is wrong, and not what it says, since callers may have the log shown. */
  readonly broken: (problems: readonly string[]) => void;
}

interface Read {
  readonly etag: string | undefined;
  readonly inForce: PolicyInForce;
}
type Broken = { readonly problems: readonly string[] };

/** Larger than any policy, and little for the memory of a door. */
const maxBytes = 1024 * 1024;

/** Throws a `DoorError` (E_POLICY_UNAVAILABLE) where the object cannot be read or is no policy: never an older one instead. */
export function policyObject({ client, bucket, key, broken }: PolicyObjectParts): PolicySource {
  let known: Read | undefined;

  /** `before` counts only where S3 itself says, now, that it is still so. */
  const read = async (before: Read | undefined): Promise<Read | Broken> => {
    const condition = before?.etag === undefined ? {} : { IfNoneMatch: before.etag };
    try {
      return await policyIn(await client.send(new GetObjectCommand({ Bucket: bucket, Key: key, ...condition })), key);
    } catch (error) {
      if (before !== undefined && isUnchanged(error)) return before;
      const { name, message } = error as Error;
      return { problems: [`s3://${bucket}/${key} cannot be read: ${name}: ${message}`] };
    }
  };

  return {
    current: async () => {
      const found = await read(known);
      if ('problems' in found) {
        broken(found.problems);
        throw unavailable();
      }
      known = found;
      return found.inForce;
    },
  };
}

async function policyIn({ Body, ETag, ContentLength }: GetObjectCommandOutput, key: string): Promise<Read | Broken> {
  if (Body === undefined || ContentLength === undefined || ContentLength > maxBytes) {
    (Body as { destroy?: () => void } | undefined)?.destroy?.();
    return { problems: [`${key} is larger than 1 MiB, or of no known size`] };
  }
  const bytes = await Body.transformToByteArray();
  const parsed = parseAllowlist(new TextDecoder('utf-8', { fatal: true }).decode(bytes), key);
  if (!parsed.ok) return { problems: parsed.problems.map(placeOf) };
  const problems = cloudProblems(parsed.policy);
  return problems.length > 0
    ? { problems }
    : { etag: ETag, inForce: { policy: parsed.policy, digest: digestOf(bytes) } };
}

/** `file:line`, with which each problem begins: the rest may quote what somebody has put there by mistake, a key for instance. */
const placeOf = (problem: string): string =>
  `${/^.*?:\d+(?=: )/.exec(problem)?.[0] ?? 'something'} is wrong: \`policy lint\` says what`;

const isUnchanged = (error: unknown): boolean =>
  (error as { $metadata?: { httpStatusCode?: number } }).$metadata?.httpStatusCode === 304;

const unavailable = (): DoorError =>
  new DoorError({
    code: 'E_POLICY_UNAVAILABLE',
    message: 'the policy cannot be read, so nothing is decided',
    fix: "have an admin look at the door's log",
  });
