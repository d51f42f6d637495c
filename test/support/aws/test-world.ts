/** A small world for the front's own tests: two roles that may do a little, two functions, a task. */
import { join } from 'node:path';
import { type PolicyDocument, readPolicy } from './iam/policy-document.ts';
import type { World } from './world.ts';

export const account = '111111111111';
export const region = 'eu-west-1';
const role = (name: string) => `arn:aws:iam::${account}:role/${name}`;
export const caller = role('caller');
export const worker = role('worker');
export const target = 'arn:aws:iam::222222222222:role/target';
export const lambdaArn = (name: string) => `arn:aws:lambda:${region}:${account}:function:${name}`;
export const echo = lambdaArn('echo');
export const sink = lambdaArn('sink');
export const isolated = lambdaArn('isolated');
export const replaced = lambdaArn('replaced');
export const taskDefinition = `arn:aws:ecs:${region}:${account}:task-definition/worker:1`;
export const macKey = `arn:aws:kms:${region}:${account}:key/macs`;
export const dataKey = `arn:aws:kms:${region}:${account}:key/data`;
export const closedKey = `arn:aws:kms:${region}:${account}:key/closed`;

export const policy = (...Statement: readonly unknown[]): PolicyDocument =>
  readPolicy({ Version: '2012-10-17', Statement });
export const allow = (Action: string | string[], Resource: string | string[]) => ({
  Effect: 'Allow',
  Action,
  Resource,
});
const trust = (Principal: unknown, Action: string | string[] = 'sts:AssumeRole') =>
  policy({ Effect: 'Allow', Principal, Action });
export const services = trust({ Service: ['lambda.amazonaws.com', 'ecs-tasks.amazonaws.com'] });
const ownAccount = policy({
  Effect: 'Allow',
  Principal: { AWS: `arn:aws:iam::${account}:root` },
  Action: 'kms:*',
  Resource: '*',
});
const assume = ['sts:AssumeRole', 'sts:TagSession', 'sts:SetSourceIdentity'];

export function testWorld(overrides: Partial<World> = {}): World {
  return {
    account,
    region,
    roles: {
      [caller]: {
        trust: services,
        policies: [
          policy(
            allow('dynamodb:*Item', `arn:aws:dynamodb:${region}:${account}:table/ours`),
            allow(['s3:GetObject', 's3:PutObject', 's3:PutObjectRetention'], 'arn:aws:s3:::ours/*'),
            allow('s3:ListBucket', 'arn:aws:s3:::ours'),
            allow(['kms:GenerateMac', 'kms:VerifyMac'], macKey),
            allow(['kms:GenerateDataKey', 'kms:Decrypt'], dataKey),
            allow('secretsmanager:GetSecretValue', `arn:aws:secretsmanager:${region}:${account}:secret:ours-*`),
            allow('logs:*', `arn:aws:logs:${region}:${account}:log-group:/ours:*`),
            allow(
              'lambda:InvokeFunction',
              [echo, sink, isolated, replaced].map(arn => `${arn}:live`),
            ),
            allow(['ecs:RunTask', 'ecs:StopTask', 'ecs:DescribeTasks', 'ecs:ListTasks'], '*'),
            allow('iam:PassRole', worker),
            allow(assume, target),
          ),
        ],
      },
      [worker]: {
        trust: services,
        policies: [policy(allow('lambda:InvokeFunction', `${echo}:live`))],
      },
      [target]: {
        trust: trust({ AWS: caller }, assume),
        policies: [policy(allow('s3:GetObject', 'arn:aws:s3:::ours/*'), allow('kms:Decrypt', dataKey))],
      },
    },
    resourcePolicies: {
      [macKey]: ownAccount,
      [dataKey]: policy({ Effect: 'Allow', Principal: { AWS: '*' }, Action: 'kms:*', Resource: '*' }),
      [closedKey]: ownAccount,
      'arn:aws:s3:::ours': policy({
        Effect: 'Allow',
        Principal: { AWS: target },
        Action: 's3:GetObject',
        Resource: 'arn:aws:s3:::ours/*',
      }),
    },
    macKeys: [macKey],
    functions: {
      [echo]: { ...lambda, env: { GREETING: 'hello' } },
      [sink]: lambda,
      [isolated]: { ...lambda, perTenant: true, concurrency: 5 },
    },
    taskDefinitions: {
      [taskDefinition]: {
        taskRole: worker,
        executionRole: worker,
        container: 'worker',
        env: { INFRA_DEPLOYER_DOOR: 'lambda:here' },
        command: [process.execPath, join(import.meta.dirname, 'test-task.js')],
        stopTimeoutSeconds: 2,
      },
    },
    ...overrides,
  };
}

export const lambda = {
  role: worker,
  aliases: ['live'],
  env: {},
  timeoutSeconds: 20,
  code: { bundle: join(import.meta.dirname, 'test-function.js') },
};
