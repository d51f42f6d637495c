import { expect, it } from 'vitest';
import { caller, echo, lambda, target, testWorld } from './test-world.ts';
import { insistOnTrusts } from './trusts.ts';

const world = testWorld();

it('takes a world whose services may assume the roles of what they run', () => {
  expect(() => insistOnTrusts(world)).not.toThrow();
});

it.each([
  ['a function', { functions: { [echo]: { ...lambda, role: target } } }, 'lambda.amazonaws.com may not assume'],
  [
    'a task',
    {
      taskDefinitions: Object.fromEntries(
        Object.entries(world.taskDefinitions ?? {}).map(([arn, definition]) => [
          arn,
          { ...definition, taskRole: target },
        ]),
      ),
    },
    'ecs-tasks.amazonaws.com may not assume',
  ],
  ['a function without a role', { functions: { [echo]: { ...lambda, role: `${caller}-gone` } } }, 'no role'],
])('refuses %s whose role does not trust its service', (_, wrong, message) => {
  expect(() => insistOnTrusts({ ...world, ...wrong })).toThrow(message);
});
