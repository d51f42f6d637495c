/** What the module makes, read back: names that fit each other, settings of the functions, sizes that AWS takes. */
import { beforeAll, describe, expect, it } from 'vitest';
import { proxyNamed } from '../../task-image/proxy.ts';
import type { PolicyDocument } from '../support/aws/iam/policy-document.ts';
import { requires } from '../support/requirements.ts';
import { type Rendered, renderModule, wholeInstallation } from './rendered.ts';

const slow = 300_000;

describe.skipIf(requires('terraform', 'aws provider'))('the rendered module', () => {
  let made: Rendered;
  beforeAll(async () => {
    made = await renderModule();
  }, slow);

  it(
    'is the same every time',
    async () => {
      expect(await renderModule({ ...wholeInstallation, tags: {} })).toEqual(made);
    },
    slow,
  );

  const settings = (name: 'deploy' | 'worker' | 'audit' | 'keeper') => {
    const { INFRA_DEPLOYER_SETTINGS, ...more } = made.functions[name]?.env ?? {};
    expect(more).toEqual({});
    return JSON.parse(INFRA_DEPLOYER_SETTINGS ?? '') as Record<string, unknown>;
  };
  const everybody = () => ({ table: made.table.name, recordsKey: made.keys.records.arn });
  const policy = () => ({ bucket: made.buckets.policy.name, key: 'allowlist.yaml' });
  const plans = () => ({ bucket: made.buckets.plans.name, key: made.keys.plans.arn });

  it('tells the deploy door of the ledger, the policy, its keys and the keeper', () => {
    const keeper = made.functions.keeper?.aliasArn;
    expect(settings('deploy')).toEqual({
      ...everybody(),
      function: 'deploy',
      policy: policy(),
      runKeysKey: made.keys.runKeys.arn,
      keeper,
    });
  });

  it('tells the worker door of plans, errored states and the run role besides', () => {
    expect(settings('worker')).toEqual({
      ...everybody(),
      function: 'worker',
      policy: policy(),
      plans: plans(),
      erroredStates: { bucket: made.buckets.errored.name },
      providerCache: { bucket: plans().bucket },
      runRole: made.roles.run?.arn,
      keeper: made.functions.keeper?.aliasArn,
    });
  });

  it('tells the audit door of nothing but the ledger', () => {
    expect(settings('audit')).toEqual({ ...everybody(), function: 'audit' });
  });

  it('tells the keeper how workers are started', () => {
    expect(settings('keeper')).toEqual({
      ...everybody(),
      function: 'keeper',
      policy: policy(),
      plans: plans(),
      auditBucket: made.buckets.audit.name,
      logGroup: '/infra-deployer/runs',
      lambda: {
        plan: made.functions['worker-plan']?.aliasArn,
        apply: made.functions['worker-apply']?.aliasArn,
        perTenant: true,
        concurrency: { plan: 40, apply: 20 },
      },
      fargate: {
        cluster: made.cluster,
        plan: made.taskDefinitions.plan?.arn,
        apply: made.taskDefinitions.apply?.arn,
        container: made.taskDefinitions.plan?.container.name,
        subnets: [expect.stringMatching(/^subnet-/), expect.stringMatching(/^subnet-/)],
        securityGroups: [expect.stringMatching(/^sg-/)],
        assignPublicIp: false,
        spot: false,
      },
    });
  });

  it('tells workers where the door is, and nothing else', () => {
    const door = { INFRA_DEPLOYER_DOOR: `lambda:${made.functions.worker?.aliasArn}` };
    const { plan, apply } = made.taskDefinitions;
    expect(plan?.container.environment).toEqual(door);
    expect(apply?.container.environment).toEqual(door);
    expect(made.functions['worker-plan']?.env).toEqual(door);
    expect(made.functions['worker-apply']?.env).toEqual(door);
    expect(plan?.container).not.toHaveProperty('secrets');
  });

  it(
    'tells them besides by which proxy Terraform leaves, and where it needs none',
    async () => {
      const proxy = { host: 'proxy.example.com', port: 3128, cidr: '10.71.0.9/32' };
      const { functions, taskDefinitions } = await renderModule({
        ...wholeInstallation,
        network: { egress_cidrs: ['203.0.113.0/24'], proxy },
      });
      const environment = functions['worker-plan']?.env ?? {};
      const { INFRA_DEPLOYER_PROXY: url = '', INFRA_DEPLOYER_NO_PROXY: direct = '' } = environment;
      expect(taskDefinitions.apply?.container.environment).toEqual(environment);
      expect(proxyNamed(url, direct)).toEqual({ url: 'http://proxy.example.com:3128', direct });
      expect(direct.split(',').sort()).toEqual(
        ['api.ecr', 'dkr.ecr', 'dynamodb', 'lambda', 'logs', 's3', 'secretsmanager', 'sts'].map(
          service => `${service}.eu-west-1.amazonaws.com`,
        ),
      );
    },
    slow,
  );

  it('tries no event again, and sends the deploy door’s failures to the keeper', () => {
    const asynchronous = Object.entries(made.functions).map(([name, { asynchronous }]) => [name, asynchronous]);
    expect(Object.fromEntries(asynchronous)).toEqual({
      deploy: { retries: 0, maximumAgeSeconds: 60, onFailure: made.functions.keeper?.aliasArn },
      worker: { retries: 0, maximumAgeSeconds: 60 },
      audit: { retries: 0, maximumAgeSeconds: 60 },
      keeper: { retries: 0, maximumAgeSeconds: 60 },
      'worker-plan': { retries: 0, maximumAgeSeconds: 60 },
      'worker-apply': { retries: 0, maximumAgeSeconds: 60 },
    });
  });

  it('lets the rules of every minute and of stopped tasks wake the keeper, and nobody else any function', () => {
    const permissions = Object.entries(made.functions).flatMap(([name, { permissions }]) =>
      permissions.map(({ principal, source }) => [name, principal, source.split('/').at(-1)]),
    );
    expect(permissions).toEqual([
      ['keeper', 'events.amazonaws.com', 'infra-deployer-minute'],
      ['keeper', 'events.amazonaws.com', 'infra-deployer-stopped'],
    ]);
  });

  it('takes two zones of the region itself, and none that is elsewhere and opted into', () => {
    expect(made.zones).toEqual(['eu-west-1a', 'eu-west-1b']);
  });

  it('names the image by digest, in both kinds of workers', () => {
    const image = `${made.registry.url}@${wholeInstallation.image_digest}`;
    expect(made.functions['worker-plan']?.image).toBe(image);
    expect(made.taskDefinitions.apply?.container.image).toBe(image);
  });

  it('gives every role one policy, and trust to one principal', () => {
    const roles = Object.entries(made.roles);
    expect(roles).toHaveLength(11);
    for (const [name, { policies, trust }] of roles) {
      expect(policies, name).toHaveLength(1);
      expect(Object.values(trust.Statement[0]?.Principal ?? {}).flat(), name).toHaveLength(1);
      expect(trust.Statement, name).toHaveLength(1);
    }
  });

  it(
    'lets roles that a provider takes on pass the endpoints, and gives them nothing else',
    async () => {
      const further = 'arn:aws:iam::333333333333:role/tf-network';
      const { endpoints, roles } = await renderModule({ ...wholeInstallation, further_role_arns: [further] });
      for (const [service, { policy }] of Object.entries(endpoints))
        expect(JSON.stringify(policy), service).toContain(further);
      expect(JSON.stringify(endpoints.s3)).toContain('"333333333333"');
      expect(JSON.stringify(roles)).not.toContain(further);
      expect(JSON.stringify(made)).not.toContain(further);
    },
    slow,
  );

  it('keeps policies within what AWS takes', () => {
    // https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html: without white space
    const size = (document: PolicyDocument) => JSON.stringify(document).length;
    expect(size(made.boundary)).toBeLessThan(6_144);
    for (const { policies, trust } of Object.values(made.roles)) {
      expect(policies.reduce((sum, one) => sum + size(one), 0)).toBeLessThan(10_240);
      expect(size(trust)).toBeLessThan(2_048);
    }
    for (const { policy } of Object.values(made.endpoints)) expect(size(policy)).toBeLessThan(20_480);
  });

  it(
    'says the partition where it is another',
    async () => {
      const text = JSON.stringify({
        ...wholeInstallation,
        secret_arns: ['arn:aws:secretsmanager:cn-north-1:111111111111:secret:infra-deployer/*'],
      });
      const china = await renderModule(JSON.parse(text.replaceAll('arn:aws:', 'arn:aws-cn:')), 'cn-north-1');
      expect(china.partition).toBe('aws-cn');
      expect(JSON.stringify(china)).not.toContain('arn:aws:');
      expect(JSON.stringify(made)).toContain('arn:aws:');
    },
    slow,
  );

  it(
    'makes neither tasks nor endpoints without a network, and no workers without an image',
    async () => {
      const { network: _, ...noNetwork } = wholeInstallation;
      const functions = await renderModule(noNetwork);
      expect(functions.taskDefinitions).toEqual({});
      expect(functions.endpoints).toEqual({});
      expect(functions.cluster).toBeUndefined();
      expect(Object.keys(functions.functions)).toHaveLength(6);
      const { image_digest: _digest, ...noImage } = noNetwork;
      const doors = await renderModule(noImage);
      expect(Object.keys(doors.functions)).toEqual(['deploy', 'worker', 'audit', 'keeper']);
    },
    slow,
  );
});
