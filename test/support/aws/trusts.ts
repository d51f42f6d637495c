/** Insists that the services which run functions and tasks may assume the roles these are given. */
import { mayAssume } from './iam/may-assume.ts';
import type { World } from './world.ts';

/** Throws at the first role whose trust keeps its service out: AWS would not start anything with it. */
export function insistOnTrusts({ account, roles, functions = {}, taskDefinitions = {} }: World): void {
  const insist = (role: string, service: string, source: string) => {
    const trust = roles[role]?.trust;
    if (!trust) throw new Error(`no role ${role}`);
    const context = { 'aws:SourceAccount': account, 'aws:SourceArn': source };
    const { allowed } = mayAssume({ principal: { service }, role, context }, { identity: [], resource: trust });
    if (!allowed) throw new Error(`${service} may not assume ${role}`);
  };
  for (const [arn, { role }] of Object.entries(functions)) insist(role, 'lambda.amazonaws.com', arn);
  for (const [arn, { taskRole, executionRole }] of Object.entries(taskDefinitions)) {
    const tasks = `${arn.split(':').slice(0, 5).join(':')}:*`;
    for (const role of [taskRole, executionRole]) insist(role, 'ecs-tasks.amazonaws.com', tasks);
  }
}
