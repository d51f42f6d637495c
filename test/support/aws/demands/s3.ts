/**
 * What requests to S3 ask for, path style; objects under a key of KMS need that key too.
 * https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazons3.html
 */
import type { Context } from '../iam/request.ts';
import { type AwsRequest, queryValue } from '../wire.ts';
import type { Demand, Demands, Place } from './demand.ts';

/** Parameters that change the answer but not what is asked for; any other one is unknown. */
const harmless =
  /^(x-id|X-Amz-.+|x-amz-checksum-mode|list-type|prefix|delimiter|max-keys|start-after|continuation-token|encoding-type|fetch-owner|key-marker|version-id-marker|versionId|response-content-type)$/;

export const s3Demands: Demands = async (request, place) => {
  const [, bucket = '', key = ''] = /^\/([^/]+)\/?(.*)$/s.exec(decodeURIComponent(request.path)) ?? [];
  const special = request.query.map(([name]) => name).filter(name => !harmless.test(name));
  const action = key === '' ? bucketAction(request, special) : objectAction(request, special);
  if (bucket === '' || action === undefined) return undefined;
  const resource = `arn:${place.partition}:s3:::${bucket}${key && `/${key}`}`;
  return [
    { action, resource, context: contextOf(request) },
    ...(action === 's3:PutObject' ? withUpload(request, resource) : []),
    ...(action === 's3:PutObject' ? await keyOfUpload(request, place, bucket, resource) : []),
    ...(request.headers['x-amz-bypass-governance-retention'] === 'true'
      ? [{ action: 's3:BypassGovernanceRetention', resource }]
      : []),
  ];
};

function bucketAction({ method, query }: AwsRequest, special: readonly string[]): string | undefined {
  if (method === 'HEAD' && query.length === 0) return 's3:ListBucket';
  if (method !== 'GET' || special.length > 1) return undefined;
  const [what = ''] = special;
  if (what === '') return 's3:ListBucket';
  return { versions: 's3:ListBucketVersions', location: 's3:GetBucketLocation', versioning: 's3:GetBucketVersioning' }[
    what
  ];
}

function objectAction(request: AwsRequest, special: readonly string[]): string | undefined {
  const version = queryValue(request, 'versionId') === undefined ? '' : 'Version';
  const [what, ...more] = special;
  if (more.length > 0 || (what !== undefined && what !== 'retention')) return undefined;
  // A copy reads another object, which nothing here does.
  if (request.headers['x-amz-copy-source'] !== undefined) return undefined;
  if (what === 'retention') return request.method === 'PUT' ? 's3:PutObjectRetention' : undefined;
  const verb = { GET: 'Get', HEAD: 'Get', PUT: 'Put', DELETE: 'Delete' }[request.method];
  return verb && `s3:${verb}Object${verb === 'Put' ? '' : version}`;
}

/** Headers of an upload that need a permission of their own. */
function withUpload({ headers }: AwsRequest, resource: string): Demand[] {
  const context = contextOf({ headers });
  return Object.entries({
    's3:PutObjectRetention': headers['x-amz-object-lock-mode'],
    's3:PutObjectLegalHold': headers['x-amz-object-lock-legal-hold'],
    's3:PutObjectTagging': headers['x-amz-tagging'],
  }).flatMap(([action, header]) => (header === undefined ? [] : [{ action, resource, context }]));
}

async function keyOfUpload({ headers }: AwsRequest, place: Place, bucket: string, resource: string): Promise<Demand[]> {
  const encryption = await place.encryptionOf(bucket);
  const key =
    headers['x-amz-server-side-encryption-aws-kms-key-id'] ??
    /<KMSMasterKeyID>([^<]+)/.exec(headers['x-amz-server-side-encryption'] === 'AES256' ? '' : encryption)?.[1];
  const bucketKey =
    headers['x-amz-server-side-encryption-bucket-key-enabled'] ?? /<BucketKeyEnabled>true/.test(encryption);
  return key === undefined
    ? []
    : [keyDemand('kms:GenerateDataKey', key, place, resource, String(bucketKey) === 'true')];
}

/** Reading an object that lies under a key of KMS needs the key: moto says in its answer whether there is one. */
export function readingDemand(answer: Readonly<Record<string, string>>, place: Place, resource: string): Demand[] {
  const key = answer['x-amz-server-side-encryption-aws-kms-key-id'];
  const bucketKey = answer['x-amz-server-side-encryption-bucket-key-enabled'] === 'true';
  return key === undefined ? [] : [keyDemand('kms:Decrypt', key, place, resource, bucketKey)];
}

/** That an object is not there S3 tells only those who may list: https://docs.aws.amazon.com/AmazonS3/latest/API/API_HeadObject.html */
export const missingDemand = (object: string): Demand => ({
  action: 's3:ListBucket',
  resource: object.replace(/\/.*$/s, ''),
});

/** A bucket key stands for all objects, so its context names the bucket: https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingKMSEncryption.html */
const keyDemand = (action: string, key: string, { region }: Place, object: string, bucketKey: boolean): Demand => ({
  action,
  resource: key,
  context: {
    'kms:ViaService': `s3.${region}.amazonaws.com`,
    'kms:EncryptionContext:aws:s3:arn': bucketKey ? (object.split('/')[0] ?? object) : object,
  },
});

function contextOf({ headers, query = [] }: Pick<AwsRequest, 'headers'> & Partial<AwsRequest>): Context {
  const parameter = (name: string) => query.find(([given]) => given === name)?.[1];
  const keys = {
    's3:prefix': parameter('prefix'),
    's3:delimiter': parameter('delimiter'),
    's3:max-keys': parameter('max-keys'),
    's3:VersionId': parameter('versionId'),
    's3:x-amz-server-side-encryption': headers['x-amz-server-side-encryption'],
    's3:x-amz-server-side-encryption-aws-kms-key-id': headers['x-amz-server-side-encryption-aws-kms-key-id'],
    's3:if-none-match': headers['if-none-match'],
    's3:object-lock-mode': headers['x-amz-object-lock-mode'],
    's3:object-lock-retain-until-date': headers['x-amz-object-lock-retain-until-date'],
    's3:authType': parameter('X-Amz-Signature') === undefined ? 'REST-HEADER' : 'REST-QUERY-STRING',
  };
  return Object.fromEntries(
    Object.entries(keys).flatMap(([key, value]) => (value === undefined ? [] : [[key, value]])),
  );
}
