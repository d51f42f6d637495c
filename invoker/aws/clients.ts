/** The SDK's clients, each loaded and made when it is first needed. Region, credentials and endpoints come from the platform. */

/** A function has seconds to answer, and whoever asks asks again: better to fail soon than to hang. */
export const usual = {
  maxAttempts: 4,
  // Otherwise a request that takes too long is no more than a warning.
  requestHandler: { connectionTimeout: 1000, requestTimeout: 5000, throwOnRequestTimeout: true },
} as const;

/** A grant would be signed for the checksum of nothing, since it is made without the body: whoever sends one says its checksum. */
export const ofS3 = { ...usual, requestChecksumCalculation: 'WHEN_REQUIRED' } as const;

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
  s3: once(async () => new (await import('@aws-sdk/client-s3')).S3Client(ofS3)),
  sts: once(async () => new (await import('@aws-sdk/client-sts')).STSClient(usual)),
} as const;
