/** What can be done in and around an installation, and who may: the table of `docs/permissions.md`, line by line. */
import type { Context } from '../support/aws/iam/request.ts';
import { type ActorName, place } from './actors.ts';
import type { FunctionName, Rendered, RoleName } from './rendered.ts';

export interface Section {
  readonly title: string;
  readonly actors: readonly ActorName[];
  readonly calls: readonly Call[];
}

export interface Call {
  readonly what: string;
  readonly action: string;
  readonly resource: string;
  readonly may: readonly ActorName[];
  readonly context?: Context;
  /** The service whose VPC endpoint it passes. */
  readonly through?: string;
  /** The account of a resource whose ARN names none; the installation's where it is left out. */
  readonly owner?: string;
  /** Whose denials have an allowed twin; everybody's of the section where it is left out. */
  readonly paired?: readonly ActorName[];
}

type Row = readonly [what: string, action: string, resource: string, may: Call['may'], more?: Partial<Call>];

const insiders = 'ci deploy workerDoor audit keeper worker secrets plan apply taskExecution admin';
const takers = `${insiders} lambda ecs ecsOfAnother job jobOfAnother`;

export const sectionsOf = (rendered: Rendered): readonly Section[] => [
  section('Functions', insiders, functions(rendered)),
  section('Ledger', insiders, ledger(rendered)),
  section('Keys', insiders, keys(rendered)),
  section('Policy, plans, errored states and audit mirror', insiders, buckets(rendered)),
  section('Logs', insiders, logs(rendered)),
  section('Workers', insiders, workers(rendered)),
  section('Secrets', insiders, secrets(rendered)),
  section('State', insiders, states),
  section('Power', insiders, power(rendered)),
  section('Roles', takers, roles(rendered)),
  section("The network's endpoints", 'worker secrets plan apply workerDoor stranger', endpoints(rendered)),
  section('Events', 'minute anotherRule lambda ecs', events(rendered)),
];

const section = (title: string, actors: string, rows: readonly Row[]): Section => ({
  title,
  actors: actors.split(' ') as ActorName[],
  calls: rows.map(([what, action, resource, may, more]) => ({ what, action, resource, may, ...more })),
});

const admin = ['admin'] as const;
/** What an installation leaves alone. */
const elsewhere = ['plan', 'apply', 'admin'] as const;
/** What nobody may has twins for those only who may do something like it. */
const only = (...paired: readonly ActorName[]) => ({ paired });

function functions(rendered: Rendered): readonly Row[] {
  const { arn, aliasArn } = lambda(rendered, 'deploy');
  const shop = `arn:aws:lambda:${here(rendered)}:function:shop`;
  return [
    ['ask for a run', invoke, aliasArn, ['ci', 'admin']],
    ['… of the same function, unpublished', invoke, arn, admin],
    ['… of an old version of it', invoke, `${arn}:1`, admin],
    ['… of another alias of it', invoke, `${arn}:next`, admin],
    ['knock at the worker door', invoke, lambda(rendered, 'worker').aliasArn, ['worker', 'admin']],
    ['… of the same function, unpublished', invoke, lambda(rendered, 'worker').arn, admin],
    ['read at the audit door', invoke, lambda(rendered, 'audit').aliasArn, admin],
    ['wake the keeper', invoke, lambda(rendered, 'keeper').aliasArn, ['deploy', 'workerDoor', 'admin']],
    ['start a function that plans', invoke, lambda(rendered, 'worker-plan').aliasArn, ['keeper', 'admin']],
    ['start a function that applies', invoke, lambda(rendered, 'worker-apply').aliasArn, ['keeper', 'admin']],
    ['invoke any other function', invoke, shop, elsewhere],
    ["read a door's code", 'lambda:GetFunction', arn, admin],
    ['read what a door is told', 'lambda:GetFunctionConfiguration', arn, admin],
    ["change a door's code", 'lambda:UpdateFunctionCode', arn, admin],
    ['change what a door is told', 'lambda:UpdateFunctionConfiguration', arn, admin],
    ['point the alias elsewhere', 'lambda:UpdateAlias', arn, admin],
    ['let others invoke a door', 'lambda:AddPermission', arn, admin],
    ['open a door to the internet', 'lambda:CreateFunctionUrlConfig', arn, admin],
    ['have requests tried again', 'lambda:PutFunctionEventInvokeConfig', arn, admin],
    ['remove a door', 'lambda:DeleteFunction', arn, admin],
    ["change any other function's code", 'lambda:UpdateFunctionCode', shop, elsewhere],
  ];
}

function ledger(rendered: Rendered): readonly Row[] {
  const { arn } = rendered.table;
  const writers = ['deploy', 'workerDoor', 'keeper', 'admin'] as const;
  return [
    ['read runs and the audit trail', 'dynamodb:GetItem', arn, [...writers, 'audit']],
    ['list them', 'dynamodb:Query', arn, [...writers, 'audit']],
    ['add to them', 'dynamodb:PutItem', arn, writers],
    ['change them', 'dynamodb:UpdateItem', arn, writers],
    ['remove some', 'dynamodb:DeleteItem', arn, writers],
    ['read all there is', 'dynamodb:Scan', arn, admin],
    ['take it elsewhere', 'dynamodb:ExportTableToPointInTime', arn, admin],
    ['end its protection', 'dynamodb:UpdateTable', arn, admin],
    ['end its backups', 'dynamodb:UpdateContinuousBackups', arn, admin],
    ['remove it', 'dynamodb:DeleteTable', arn, admin],
    ['write any other table', 'dynamodb:PutItem', `arn:aws:dynamodb:${here(rendered)}:table/orders`, elsewhere],
  ];
}

function keys(rendered: Rendered): readonly Row[] {
  const key = (name: keyof Rendered['keys']) => given(rendered.keys[name], name).arn;
  const viaS3 = { context: { 'kms:ViaService': `s3.${rendered.region}.amazonaws.com` } };
  return [
    ['check the MAC of a record', 'kms:VerifyMac', key('records'), ['deploy', 'workerDoor', 'audit', 'keeper']],
    ['make the MAC of a record', 'kms:GenerateMac', key('records'), ['deploy', 'workerDoor', 'keeper']],
    ['make the key of a run', 'kms:GenerateMac', key('runKeys'), ['deploy']],
    ['decrypt a plan, through S3', 'kms:Decrypt', key('plans'), ['workerDoor'], viaS3],
    ['… past S3', 'kms:Decrypt', key('plans'), [], only('workerDoor')],
    ['change who may use a key', 'kms:PutKeyPolicy', key('records'), admin],
    ['remove a key', 'kms:ScheduleKeyDeletion', key('records'), admin],
  ];
}

function buckets(rendered: Rendered): readonly Row[] {
  const policy = `${rendered.buckets.policy.arn}/${settings(rendered).policy.key}`;
  const plan = `${rendered.buckets.plans.arn}/plans/r_1`;
  const entries = `${rendered.buckets.audit.arn}/00000001`;
  const errored = `${rendered.buckets.errored.arn}/r_1.tfstate`;
  const create = { context: { 's3:if-none-match': '*' } };
  const plain = { context: { 'aws:SecureTransport': 'false' }, ...only('workerDoor') };
  return [
    ['read the policy', 's3:GetObject', policy, ['deploy', 'workerDoor', 'keeper', 'admin']],
    ['change the policy', 's3:PutObject', policy, admin],
    ['store a plan', 's3:PutObject', plan, ['workerDoor'], create],
    ['… over another', 's3:PutObject', plan, [], only('workerDoor')],
    ['read a plan', 's3:GetObject', plan, ['workerDoor']],
    ['… without TLS', 's3:GetObject', plan, [], plain],
    ['remove a plan', 's3:DeleteObject', plan, ['keeper', 'admin']],
    ['list plans', 's3:ListBucket', rendered.buckets.plans.arn, ['workerDoor', 'keeper', 'admin']],
    ['open the plans to others', 's3:PutBucketPolicy', rendered.buckets.plans.arn, admin],
    ['keep an errored state', 's3:PutObject', errored, ['workerDoor'], create],
    ['… over another', 's3:PutObject', errored, [], only('workerDoor')],
    ['read one', 's3:GetObject', errored, admin],
    ['remove one', 's3:DeleteObject', errored, admin],
    ['mirror audit entries', 's3:PutObject', entries, ['keeper']],
    ['read the mirror', 's3:GetObject', entries, admin],
    ['change how long it is kept', 's3:PutObjectRetention', entries, [], only('keeper', 'admin')],
    ['go around its lock', 's3:BypassGovernanceRetention', entries, [], only('keeper', 'admin')],
  ];
}

function logs(rendered: Rendered): readonly Row[] {
  const stream = (group: string) => `arn:aws:logs:${here(rendered)}:log-group:${group}:log-stream:r_1`;
  const runs = stream(settings(rendered).logGroup);
  const own = stream(given(lambda(rendered, 'deploy').logGroup, 'log group'));
  return [
    ["keep a run's log", 'logs:PutLogEvents', runs, ['keeper', 'admin']],
    ["read a run's log", 'logs:GetLogEvents', runs, admin],
    ['remove it', 'logs:DeleteLogStream', runs, admin],
    ["write the deploy door's own log", 'logs:PutLogEvents', own, ['deploy', 'admin']],
    ['read that', 'logs:GetLogEvents', own, admin],
    ['write any other log', 'logs:PutLogEvents', stream('/aws/lambda/shop'), elsewhere],
  ];
}

function workers(rendered: Rendered): readonly Row[] {
  const { arn, taskRole } = task(rendered);
  const cluster = given(rendered.cluster, 'cluster');
  const running = `${cluster.replace(':cluster/', ':task/')}/0123456789abcdef`;
  const ours = { context: { 'ecs:cluster': cluster } };
  const theirs = { context: { 'ecs:cluster': `arn:aws:ecs:${here(rendered)}:cluster/shop` } };
  const shop = `arn:aws:ecs:${here(rendered)}:task-definition/shop:1`;
  const to = (service: string) => ({ context: { 'iam:PassedToService': `${service}.amazonaws.com` } });
  const rule = `arn:aws:events:${here(rendered)}:rule/infra-deployer-minute`;
  return [
    ['start a task', 'ecs:RunTask', arn, ['keeper', 'admin'], ours],
    ['… in another cluster', 'ecs:RunTask', arn, admin, theirs],
    ['start any other task in our cluster', 'ecs:RunTask', shop, admin, ours],
    ['… in another cluster', 'ecs:RunTask', shop, elsewhere, theirs],
    ['have a service there', 'ecs:CreateService', `${cluster.replace(':cluster/', ':service/')}/shop`, admin, ours],
    ['stop a task', 'ecs:StopTask', running, ['keeper', 'admin'], ours],
    ['look at a task', 'ecs:DescribeTasks', running, ['keeper', 'admin'], ours],
    ['get a shell in a task', 'ecs:ExecuteCommand', running, admin, ours],
    ['have tasks run something else', 'ecs:RegisterTaskDefinition', arn.replace(/:\d+$/, ':*'), admin],
    ['give a task its role', 'iam:PassRole', taskRole, ['keeper', 'admin'], to('ecs-tasks')],
    ['… to a function', 'iam:PassRole', taskRole, admin, to('lambda')],
    ["give a task the worker door's role", 'iam:PassRole', role(rendered, 'worker'), admin, to('ecs-tasks')],
    ["give a task a run's role", 'iam:PassRole', role(rendered, 'run'), admin, to('ecs-tasks')],
    ['pull the image', 'ecr:BatchGetImage', rendered.registry.arn, ['taskExecution', 'admin']],
    ['push another image', 'ecr:PutImage', rendered.registry.arn, admin],
    ["stop the keeper's timer", 'events:DisableRule', rule, admin],
  ];
}

function secrets(rendered: Rendered): readonly Row[] {
  const another = place.deployKey.replace('infra-live', 'infra-other');
  const shop = `arn:aws:secretsmanager:${here(rendered)}:secret:shop-AbC123`;
  return [
    ["read the run's deploy key", 'secretsmanager:GetSecretValue', place.deployKey, ['secrets', 'admin']],
    ['read another deploy key', 'secretsmanager:GetSecretValue', another, admin],
    ['replace a deploy key', 'secretsmanager:PutSecretValue', place.deployKey, admin],
    ["read an application's secret", 'secretsmanager:GetSecretValue', shop, elsewhere],
  ];
}

const state = (path: string) => `arn:aws:s3:::${place.stateBucket}/${path}/terraform.tfstate`;
const states: readonly Row[] = [
  ["read the stack's state", 's3:GetObject', state('prod/app'), elsewhere],
  ['write it', 's3:PutObject', state('prod/app'), ['apply', 'admin']],
  ['unlock it', 's3:DeleteObject', `${state('prod/app')}.tflock`, ['apply', 'admin']],
  ['remove it', 's3:DeleteObject', state('prod/app'), admin],
  ['read an older version of it', 's3:GetObjectVersion', state('prod/app'), admin],
  ['read a state that `reads` names', 's3:GetObject', state('network/eu'), elsewhere],
  ['write that', 's3:PutObject', state('network/eu'), admin],
  ['read any other state', 's3:GetObject', state('prod/other'), admin],
  ['write any other state', 's3:PutObject', state('prod/other'), admin],
  ['open the states to others', 's3:PutBucketPolicy', `arn:aws:s3:::${place.stateBucket}`, admin],
  ['write any other bucket', 's3:PutObject', 'arn:aws:s3:::acme-website/index.html', elsewhere],
];

function power(rendered: Rendered): readonly Row[] {
  const shop = `arn:aws:iam::${rendered.account}:role/shop`;
  const policy = `arn:aws:iam::${rendered.account}:policy/shop`;
  const user = `arn:aws:iam::${rendered.account}:user/shop`;
  const group = `arn:aws:iam::${rendered.account}:group/shop`;
  const signIn = `arn:aws:iam::${rendered.account}:saml-provider/acme`;
  const endpoint = `arn:aws:ec2:${here(rendered)}:vpc-endpoint/vpce-1`;
  const bounded = { context: { 'iam:PermissionsBoundary': rendered.boundaryArn } };
  const tagged = (name: string) => ({ context: { 'aws:ResourceTag/infra-deployer': name } });
  return [
    ['make a server', 'ec2:RunInstances', '*', elsewhere],
    ['make a role that has the boundary', 'iam:CreateRole', shop, elsewhere, bounded],
    ['… that has not', 'iam:CreateRole', shop, admin],
    ['give power to a role that has the boundary', 'iam:PutRolePolicy', shop, elsewhere, bounded],
    ['… that has not', 'iam:PutRolePolicy', shop, admin],
    ['attach a policy to a role that has the boundary', 'iam:AttachRolePolicy', shop, elsewhere, bounded],
    ['… that has not', 'iam:AttachRolePolicy', shop, admin],
    ['make a user that has the boundary', 'iam:CreateUser', user, elsewhere, bounded],
    ['… that has not', 'iam:CreateUser', user, admin],
    ['put a user into a group', 'iam:AddUserToGroup', group, admin],
    ['take one out of it', 'iam:RemoveUserFromGroup', group, elsewhere],
    ['give power to a group', 'iam:AttachGroupPolicy', group, admin],
    ['make an access key of a user', 'iam:CreateAccessKey', user, admin],
    ['remove one', 'iam:DeleteAccessKey', user, elsewhere],
    ['give a user a password', 'iam:CreateLoginProfile', user, admin],
    ['say whom a provider of identities lets in', 'iam:UpdateSAMLProvider', signIn, admin],
    ['take the boundary off a role', 'iam:DeleteRolePermissionsBoundary', shop, admin],
    ['change the boundary', 'iam:CreatePolicyVersion', rendered.boundaryArn, admin],
    ['change any other policy', 'iam:CreatePolicyVersion', policy, elsewhere],
    ["give power to the worker door's role", 'iam:PutRolePolicy', role(rendered, 'worker'), admin, bounded],
    ["change who may take the runs' role", 'iam:UpdateAssumeRolePolicy', role(rendered, 'run'), admin],
    ['change who may take any other role', 'iam:UpdateAssumeRolePolicy', shop, elsewhere],
    ["remove the installation's network", 'ec2:DeleteVpcEndpoints', endpoint, admin, tagged('infra-deployer')],
    ['remove any other', 'ec2:DeleteVpcEndpoints', endpoint, elsewhere, tagged('shop')],
  ];
}

function roles(rendered: Rendered): readonly Row[] {
  const session = {
    context: { 'sts:RoleSessionName': 'r_1', 'sts:SourceIdentity': 'r_1', 'aws:RequestTag/path': 'prod/app' },
  };
  const { taskRole, executionRole } = task(rendered);
  return [
    ["the run's, for its secrets", take, role(rendered, 'run'), ['workerDoor'], session],
    ['a plan role', take, place.planRole, ['workerDoor'], session],
    ['an apply role', take, place.applyRole, ['workerDoor'], session],
    ['an apply role of another account', take, place.otherAccountsRole, ['workerDoor'], session],
    ['one that the module is not told of', take, place.unknownRole, [], { ...session, ...only('workerDoor') }],
    ["the run's, without a name for the run", take, role(rendered, 'run'), ['workerDoor']],
    ['a plan role, likewise', take, place.planRole, ['workerDoor']],
    ['an apply role, likewise', take, place.applyRole, ['workerDoor']],
    ["CI's", take, role(rendered, 'ci'), ['job']],
    ["the deploy door's", take, role(rendered, 'deploy'), ['lambda']],
    ["the worker door's", take, role(rendered, 'worker'), ['lambda']],
    ["the audit door's", take, role(rendered, 'audit'), ['lambda']],
    ["the keeper's", take, role(rendered, 'keeper'), ['lambda']],
    ["a planning function's own", take, role(rendered, 'worker-lambda-plan'), ['lambda']],
    ["an applying function's own", take, role(rendered, 'worker-lambda-apply'), ['lambda']],
    ["a task's own", take, taskRole, ['ecs']],
    ['what pulls the image of a task', take, executionRole, ['ecs']],
  ];
}

function endpoints(rendered: Rendered): readonly Row[] {
  const door = lambda(rendered, 'worker').aliasArn;
  const plan = `${rendered.buckets.plans.arn}/plans/r_1`;
  const errored = `${rendered.buckets.errored.arn}/r_1.tfstate`;
  const theirs = `arn:aws:lambda:${rendered.region}:${place.stranger}:function:theirs`;
  const bucket = `arn:aws:s3:::${place.strangersBucket}/loot`;
  const key = place.deployKey;
  const create = { context: { 's3:if-none-match': '*' } };
  const owner = { owner: place.stranger };
  return [
    ['knock at the worker door', invoke, door, ['worker'], { through: 'lambda' }],
    ["read the run's deploy key", 'secretsmanager:GetSecretValue', key, ['secrets'], { through: 'secretsmanager' }],
    ['store a plan, by a grant', 's3:PutObject', plan, ['workerDoor'], { ...create, through: 's3' }],
    ['keep an errored state, by a grant', 's3:PutObject', errored, ['workerDoor'], { ...create, through: 's3' }],
    ["read the stack's state", 's3:GetObject', state('prod/app'), ['plan', 'apply'], { through: 's3' }],
    ["invoke a stranger's function", invoke, theirs, [], { through: 'lambda', ...only('stranger') }],
    ['… from elsewhere', invoke, theirs, ['stranger'], only('stranger')],
    ["write to a stranger's open bucket", 's3:PutObject', bucket, [], { through: 's3', ...owner, ...carriers }],
    ['… from elsewhere', 's3:PutObject', bucket, ['plan', 'apply', 'stranger'], { ...owner, ...carriers }],
  ];
}
const carriers = only('plan', 'apply', 'stranger');

const events = (rendered: Rendered): readonly Row[] => [
  ['wake the keeper', invoke, lambda(rendered, 'keeper').aliasArn, ['minute']],
  ['start a function that plans', invoke, lambda(rendered, 'worker-plan').aliasArn, [], only('minute')],
  ['ask for a run', invoke, lambda(rendered, 'deploy').aliasArn, [], only('minute')],
];

const invoke = 'lambda:InvokeFunction';
const take = 'sts:AssumeRole';

const here = ({ region, account }: Rendered): string => `${region}:${account}`;
const lambda = ({ functions }: Rendered, name: FunctionName) => given(functions[name], name);
const role = (rendered: Rendered, name: RoleName): string => given(rendered.roles[name], name).arn;
const task = ({ taskDefinitions }: Rendered) => given(taskDefinitions.plan, 'task');
const settings = (rendered: Rendered): { readonly policy: { readonly key: string }; readonly logGroup: string } =>
  JSON.parse(lambda(rendered, 'keeper').env.INFRA_DEPLOYER_SETTINGS ?? '');

function given<T>(value: T | undefined, name: string): T {
  if (value === undefined) throw new Error(`the module makes no ${name}`);
  return value;
}
