/** The SDK's clients, each loaded and made when it is first needed. Region, credentials and endpoints come from the platform. */

/** A function has seconds to answer, and whoever asks asks again: better to fail soon than to hang. */
const usual = { maxAttempts: 4, requestHandler: { connectionTimeout: 1000, requestTimeout: 5000 } } as const;

/**
 * A checksum is one that a command asks for. Otherwise the SDK would put that of an empty body into every grant that binds
 * none, and S3 would refuse whatever is sent with it.
 */
const ownChecksums = { requestChecksumCalculation: 'WHEN_REQUIRED' } as const;

const once = <Client>(make: () => Promise<Client>): (() => Promise<Client>) => {
  let made: Promise<Client> | undefined;
  return () => {
    made ??= make();
    return made;
  };
};

export const clients = {
  dynamo: once(async () => new (await import('@aws-sdk/client-dynamodb')).DynamoDBClient(usual)),
  ecs: once(async () => new (await import('@aws-sdk/client-ecs')).ECSClient(usual)),
  kms: once(async () => new (await import('@aws-sdk/client-kms')).KMSClient(usual)),
  lambda: once(async () => new (await import('@aws-sdk/client-lambda')).LambdaClient(usual)),
  logs: once(async () => new (await import('@aws-sdk/client-cloudwatch-logs')).CloudWatchLogsClient(usual)),
  s3: once(async () => new (await import('@aws-sdk/client-s3')).S3Client({ ...usual, ...ownChecksums })),
  sts: once(async () => new (await import('@aws-sdk/client-sts')).STSClient(usual)),
} as const;
