import { afterEach, expect, test, vi } from 'vitest';

afterEach(() => {
  vi.unstubAllGlobals();
  vi.resetModules();
});

test('is dev where the source runs unbundled', async () => {
  const { version } = await import('../../../policies/contract/version.ts');
  expect(version).toBe('dev');
});

test('is what the bundler put in', async () => {
  vi.stubGlobal('INFRA_DEPLOYER_VERSION', '1.2.3');
  const { version } = await import('../../../policies/contract/version.ts');
  expect(version).toBe('1.2.3');
});
