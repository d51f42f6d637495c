/**
 * What requests to ECS ask for; running a task also passes its roles.
 * https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonelasticcontainerservice.html
 */
import type { World } from '../world.ts';
import { arn, type Demands, jsonOperation, list, text } from './demand.ts';

export const ecsDemands =
  ({ taskDefinitions = {} }: World): Demands =>
  async (request, place) => {
    const operation = jsonOperation(request, 'AmazonEC2ContainerServiceV20141113');
    if (!operation) return undefined;
    const { name, input } = operation;
    const cluster = text(input.cluster) || 'default';
    const clusterArn = cluster.startsWith('arn:') ? cluster : arn(place, 'ecs', `cluster/${cluster}`);
    const clusterName = clusterArn.split('/').at(-1) ?? '';
    const context = { 'ecs:cluster': clusterArn };
    const action = `ecs:${name}`;
    const task = (id: unknown) =>
      text(id).startsWith('arn:') ? text(id) : arn(place, 'ecs', `task/${clusterName}/${text(id)}`);
    if (name === 'StopTask') return [{ action, resource: task(input.task), context }];
    if (name === 'DescribeTasks') return list(input.tasks).map(id => ({ action, resource: task(id), context }));
    // Asked without a container instance: AWS judges all of the cluster's.
    if (name === 'ListTasks') {
      return [{ action, resource: arn(place, 'ecs', `container-instance/${clusterName}/*`), context }];
    }
    if (name !== 'RunTask') return undefined;
    const resource = text(input.taskDefinition);
    const definition = taskDefinitions[resource];
    const tagging = list(input.tags).length > 0;
    return [
      { action, resource, context },
      ...(tagging
        ? [{ action: 'ecs:TagResource', resource: task('*'), context: { ...context, 'ecs:CreateAction': 'RunTask' } }]
        : []),
      ...(definition ? [definition.taskRole, definition.executionRole] : []).map(role => ({
        action: 'iam:PassRole',
        resource: role,
        context: { 'iam:PassedToService': 'ecs-tasks.amazonaws.com' },
      })),
    ];
  };
