/**
 * What requests to KMS ask for.
 * https://docs.aws.amazon.com/service-authorization/latest/reference/list_awskeymanagementservice.html
 */
import { arn, type Demands, jsonOperation, record, text } from './demand.ts';

const onOneKey = new Set('Decrypt DescribeKey Encrypt GenerateDataKey GenerateMac VerifyMac'.split(' '));

export const kmsDemands: Demands = async (request, place) => {
  const operation = jsonOperation(request, 'TrentService');
  // An alias would have to be followed to be judged; nothing here uses one.
  if (!operation || !onOneKey.has(operation.name)) return undefined;
  const { name, input } = operation;
  const key = text(input.KeyId);
  if (!/^(arn:[^/]+:key\/)?[0-9a-z-]+$/i.test(key)) return undefined;
  const encryption = Object.entries(record(input.EncryptionContext));
  return [
    {
      action: `kms:${name}`,
      resource: key.startsWith('arn:') ? key : arn(place, 'kms', `key/${key}`),
      context: {
        ...(input.MacAlgorithm !== undefined && { 'kms:MacAlgorithm': text(input.MacAlgorithm) }),
        ...Object.fromEntries(encryption.map(([name, value]) => [`kms:EncryptionContext:${name}`, text(value)])),
      },
    },
  ];
};
