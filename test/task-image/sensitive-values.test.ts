import { describe, expect, test } from 'vitest';
import { sensitiveValues } from '../../task-image/sensitive-values.ts';

const valuesOf = (plan: unknown) => [...sensitiveValues(plan)];

describe('the sensitive values of a plan or a state', () => {
  test('are those of variables that are declared so', () => {
    const variables = { a: { value: 'of a' }, b: { value: { deep: ['of b', 1234567] } }, c: { value: 'of c' } };
    const declared = { a: { sensitive: true }, b: { sensitive: true }, c: {} };
    const configuration = { root_module: { variables: declared } };
    expect(valuesOf({ variables, configuration })).toEqual(['of a', 'of b', '1234567']);
  });

  test.each(['resource_changes', 'resource_drift'])('are those marked in %s, before and after', name => {
    const change = {
      before: { password: 'old', tags: { a: 'plain', b: 'old tag' } },
      before_sensitive: { password: true, tags: { b: true } },
      after: { password: 'new', list: ['plain', { token: 'in a list' }] },
      after_sensitive: { password: true, list: [false, { token: true }] },
    };
    expect(valuesOf({ [name]: [{ change }] })).toEqual(['old', 'old tag', 'new', 'in a list']);
  });

  test('are those of changes that are put off', () => {
    const change = { after: 'later', after_sensitive: true };
    expect(valuesOf({ deferred_changes: [{ resource_change: { change } }] })).toEqual(['later']);
  });

  test('are those of outputs', () => {
    const output_changes = {
      a: { before: null, before_sensitive: false, after: 'new output', after_sensitive: true },
      b: { after: 'plain', after_sensitive: false },
    };
    const prior_state = { values: { outputs: { a: { value: 'old output', sensitive: true }, b: { value: 'plain' } } } };
    expect(valuesOf({ output_changes, prior_state })).toEqual(['new output', 'old output']);
  });

  test('are those of resources in the state and in what is planned, in modules of modules too', () => {
    const resource = (secret: string) => ({ values: { x: secret, y: 'plain' }, sensitive_values: { x: true } });
    const root = (name: string) => ({
      root_module: {
        resources: [resource(`${name} root`)],
        child_modules: [{ child_modules: [{ resources: [resource(`${name} grandchild`)] }] }],
      },
    });
    expect(valuesOf({ prior_state: { values: root('old') }, planned_values: root('new') })).toEqual([
      'old root',
      'old grandchild',
      'new root',
      'new grandchild',
    ]);
  });

  test('are those of a state by itself', () => {
    const outputs = { a: { value: 'of an output', sensitive: true }, b: { value: 'plain', sensitive: false } };
    const resources = [{ values: { x: 'of a resource', y: 'plain' }, sensitive_values: { x: true } }];
    expect(valuesOf({ values: { outputs, root_module: { resources } } })).toEqual(['of an output', 'of a resource']);
  });

  test('are no short numbers, no booleans and no names of attributes', () => {
    const change = { after: { name: { key: 12, other: true, third: null } }, after_sensitive: { name: true } };
    expect(valuesOf({ resource_changes: [{ change }] })).toEqual([]);
  });

  test.each([null, 1, 'x', [], {}, { resource_changes: 1 }, { resource_changes: [null, { change: 'x' }] }])(
    'are none in %j',
    plan => {
      expect(valuesOf(plan)).toEqual([]);
    },
  );
});
