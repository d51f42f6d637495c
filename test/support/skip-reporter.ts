/** Ends a test run by naming every test that was skipped, and the missing parts that explain it. */
import type { Reporter, TestModule } from 'vitest/node';
import { missingParts } from './requirements.ts';

export const skipReporter: Reporter = {
  onTestRunEnd(modules) {
    const skipped = modules.flatMap(skippedTests);
    if (skipped.length === 0) return;
    const why = missingParts().map(line => `  missing ${line}\n`);
    process.stderr.write(`\nskipped ${skipped.length} tests:\n${skipped.join('')}${why.join('')}`);
  },
};

function skippedTests(module: TestModule): string[] {
  return [...module.children.allTests('skipped')].map(test => `  ${module.relativeModuleId} > ${test.fullName}\n`);
}
