/** Codes by keys that never leave KMS: of audit entries and receipts, and the keys of runs. */
import { GenerateMacCommand, type KMSClient, KMSInvalidMacException, VerifyMacCommand } from '@aws-sdk/client-kms';
import { digestOf, type Seals, sameSecret } from '../secret.ts';

export interface KmsKey {
  readonly client: KMSClient;
  /** ARN of an HMAC_256 key. */
  readonly key: string;
}

type Purpose = 'audit' | 'receipt' | 'run key';
type RecordPurpose = Exclude<Purpose, 'run key'>;

const MacAlgorithm = 'HMAC_SHA_256';

/**
 * What KMS is asked about: the purpose keeps a code from being good for something else, and the digest keeps within the
 * 4,096 bytes that it takes (https://docs.aws.amazon.com/kms/latest/APIReference/API_GenerateMac.html).
 */
const message = (purpose: Purpose, text: string): Uint8Array =>
  Buffer.from(`infra-deployer ${purpose}\n${digestOf(text)}`);

async function macOf({ client, key: KeyId }: KmsKey, purpose: Purpose, text: string): Promise<Buffer> {
  const { Mac } = await client.send(new GenerateMacCommand({ KeyId, MacAlgorithm, Message: message(purpose, text) }));
  if (Mac === undefined) throw new Error('KMS has answered no code');
  return Buffer.from(Mac);
}

/** For doors and keeper, which may make codes (`kms:GenerateMac`): in hex. */
export function recordMacs(key: KmsKey) {
  const mac = async (purpose: RecordPurpose, text: string): Promise<string> =>
    (await macOf(key, purpose, text)).toString('hex');
  const isReceiptMac: Seals['isReceiptMac'] = async (given, text) => sameSecret(given, await mac('receipt', text));
  return { mac, isReceiptMac };
}

/** For auditors, who may check codes and make none (`kms:VerifyMac`). */
export function recordChecks({ client, key: KeyId }: KmsKey) {
  return async (purpose: RecordPurpose, mac: string, text: string): Promise<boolean> => {
    if (!/^[0-9a-f]{64}$/.test(mac)) return false;
    const asked = { KeyId, MacAlgorithm, Message: message(purpose, text), Mac: Buffer.from(mac, 'hex') } as const;
    try {
      return (await client.send(new VerifyMacCommand(asked))).MacValid === true;
    } catch (error) {
      if (error instanceof KMSInvalidMacException) return false;
      throw error;
    }
  };
}

/** The keys of runs. The last so many are kept: whoever follows a run asks for it every second or so. */
export function runKeys(key: KmsKey, kept = 1000): Pick<Seals, 'runKey'> {
  const known = new Map<string, string>();
  return {
    runKey: async runId => {
      const made = known.get(runId) ?? `k_${(await macOf(key, 'run key', runId)).toString('base64url')}`;
      known.set(runId, made);
      const [oldest] = known.keys();
      if (known.size > kept && oldest !== undefined) known.delete(oldest);
      return made;
    },
  };
}
