/** The services whose requests can be judged; of any other one, everything is refused. */
import type { World } from '../world.ts';
import type { Demands } from './demand.ts';
import { dynamodbDemands } from './dynamodb.ts';
import { ecsDemands } from './ecs.ts';
import { kmsDemands } from './kms.ts';
import { lambdaDemands } from './lambda.ts';
import { logsDemands } from './logs.ts';
import { s3Demands } from './s3.ts';
import { secretsmanagerDemands } from './secretsmanager.ts';

/** By the name that requests are signed for. */
export const demandsOf = (world: World): Readonly<Record<string, Demands>> => ({
  dynamodb: dynamodbDemands,
  ecs: ecsDemands(world),
  kms: kmsDemands,
  lambda: lambdaDemands,
  logs: logsDemands,
  s3: s3Demands,
  secretsmanager: secretsmanagerDemands,
});
