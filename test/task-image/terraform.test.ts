import { existsSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { planFile } from '../../task-image/places.ts';
import { leftProcesses } from '../end-to-end/leftovers.ts';
import { requires } from '../support/requirements.ts';
import { problemFrom } from './parts.ts';
import { fetchesNothing, runningStack } from './running-stack.ts';

describe.skipIf(requires('terraform'))('Terraform', () => {
  const tool = (text: string) => runningStack({ 'main.tf': text });
  const resource = 'resource "terraform_data" "x" {}\n';

  test('plans, applies that plan, and knows the serial before and after', async () => {
    const { runDir, init, plan, apply, serial, show } = tool(resource);
    const file = planFile(runDir);
    await init(fetchesNothing);
    expect(await serial()).toBeUndefined();
    expect(await plan(file)).toMatchObject({ hasChanges: true });
    expect(await show(file)).toMatchObject({ resource_changes: [{ address: 'terraform_data.x' }] });
    await apply(file);
    expect(await serial()).toBe(1);
    expect(await plan(file)).toMatchObject({ hasChanges: false });
    expect(await problemFrom(() => apply(join(runDir, 'no-such-plan')))).toMatchObject({ code: 'E_APPLY' });
  });

  test('that is refused its saved plan because the state has changed is told from one that failed', async () => {
    const { runDir, init, plan, apply } = tool(resource);
    const file = planFile(runDir);
    await init(fetchesNothing);
    await plan(file);
    await apply(file);
    expect(await problemFrom(() => apply(file))).toMatchObject({ code: 'E_PLAN_STALE' });
  });

  test('applies nothing to a state that is too large to be kept before', async () => {
    const { runDir, stateFile, init, plan, apply } = tool(resource);
    const file = planFile(runDir);
    await init(fetchesNothing);
    await plan(file);
    writeFileSync(stateFile, '{}');
    truncateSync(stateFile, 2 ** 40);
    const problem = await problemFrom(() => apply(file));
    expect(problem).toMatchObject({ code: 'E_APPLY', message: 'the state of this path has more than 256 MiB' });
    expect(existsSync(`${stateFile}.backup`)).toBe(false);
  });

  const notShown = (why: string) =>
    `The results of this apply are not shown: its secrets cannot be told, since ${why}.`;
  const sleeping = `resource "terraform_data" "x" {
  provisioner "local-exec" {
    command = "echo Error: asleep; sleep 60"
  }
}
`;

  test.each([
    ['shows the results of an apply that is canceled', 10_000, 'asleep'],
    [
      'says that there was no time to know the secrets of an apply that is killed',
      1,
      notShown('there was no time left to read the state'),
    ],
  ])('%s', { timeout: 30_000 }, async (_what, graceMs, words) => {
    const { control, runDir, init, plan, apply } = runningStack({ 'main.tf': sleeping }, { graceMs });
    const file = planFile(runDir);
    await init(fetchesNothing);
    await plan(file);
    const end = problemFrom(() => apply(file));
    const isAsleep = () => leftProcesses(runDir).some(line => line.startsWith('sleep 60'));
    await expect.poll(isAsleep, { timeout: 20_000 }).toBe(true);
    control.halt('canceled');
    expect(await end).toMatchObject({ code: 'E_APPLY' });
    expect(control.lines.join('\n')).toContain(words);
  });

  test('says that the results of an apply are not shown since there is too much to hide', {
    timeout: 90_000,
  }, async () => {
    const { control, runDir, init, plan, apply } = tool(`${resource}output "x" {
  value     = "\${terraform_data.x.id}\${join("", [for n in range(80) : format("%0900000d", n)])}"
  sensitive = true
}
`);
    const file = planFile(runDir);
    await init(fetchesNothing);
    await plan(file);
    await apply(file);
    expect(control.lines.join('\n')).toContain(notShown('the run has more sensitive values than can be masked'));
  });

  test('shows what it says as it says it, and keeps its colours', async () => {
    const { control, init } = tool(resource);
    await init(fetchesNothing);
    expect(control.lines.join('\n')).toContain('\u001b[1m');
    expect(control.lines.join('\n')).toContain('successfully initialized');
  });
});
