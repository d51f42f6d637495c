/** One configuration for every test: real parts, two at a time, and the coverage of policies/ whenever the whole suite runs. */
import { defineConfig } from 'vitest/config';
import { skipReporter } from './test/support/skip-reporter.ts';

const [, , ...args] = process.argv;
const runsEverything = args[0] === 'run' && args.length === 1;

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    globalSetup: ['test/support/global-setup.ts'],
    pool: 'forks',
    maxWorkers: 2,
    execArgv: ['--disable-warning=ExperimentalWarning'],
    testTimeout: 20_000,
    hookTimeout: 20_000,
    reporters: ['default', skipReporter],
    coverage: {
      enabled: runsEverything,
      include: ['policies/**/*.ts'],
      reporter: [['text', { skipFull: true }]],
      thresholds: { branches: 100 },
    },
  },
});
