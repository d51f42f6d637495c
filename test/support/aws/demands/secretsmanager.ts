/**
 * What requests to Secrets Manager ask for: the secret, and its key where that is a customer's own.
 * https://docs.aws.amazon.com/service-authorization/latest/reference/list_awssecretsmanager.html
 */
import { arn, type Demands, jsonOperation, record, text } from './demand.ts';

export const secretsmanagerDemands: Demands = async (request, place) => {
  const operation = jsonOperation(request, 'secretsmanager');
  if (!operation || !['GetSecretValue', 'DescribeSecret'].includes(operation.name)) return undefined;
  const { name, input } = operation;
  const id = text(input.SecretId);
  // A name or an ARN without its random end means the secret; policies are compared with the whole ARN.
  const secret = record(await place.ask('secretsmanager', 'secretsmanager.DescribeSecret', { SecretId: id }));
  const whole = text(secret.ARN) || (id.startsWith('arn:') ? id : arn(place, 'secretsmanager', `secret:${id}`));
  const key = text(secret.KmsKeyId);
  const read = { action: `secretsmanager:${name}`, resource: whole };
  if (name !== 'GetSecretValue' || !key.startsWith('arn:')) return [read];
  const context = {
    'kms:ViaService': `secretsmanager.${place.region}.amazonaws.com`,
    'kms:EncryptionContext:SecretARN': whole,
  };
  return [read, { action: 'kms:Decrypt', resource: key, context }];
};
