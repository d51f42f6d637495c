import { describe, expect, test } from 'vitest';
import { explained, failureOf, header, problem, success } from '../../deployer-cli/render.ts';
import { runPage, runTable } from '../../deployer-cli/run-page.ts';
import type { Settings } from '../../deployer-cli/settings.ts';
import type { Run } from '../../policies/contract/run.ts';
import { withoutColour } from '../../policies/printable.ts';
import { applied, aRun, commit, failed, planned, runId, unchanged } from './run-fixture.ts';

const plain = (lines: readonly string[]) => lines.map(withoutColour).join('\n');
const tip = '1234abcd'.padEnd(40, '0');

const settings: Settings = {
  command: { value: 'plan', source: '--command' },
  path: { value: 'prod/vpc', source: '--path' },
  ref: { value: 'refs/heads/feature/nat', source: 'CI_COMMIT_BRANCH' },
  sha: { value: commit, source: 'CI_COMMIT_SHA' },
  title: 'add nat gateway',
  server: { value: 'http://127.0.0.1:8080', source: 'INFRA_DEPLOYER_SERVER' },
  requestId: 'my-request',
};

describe('the header', () => {
  test('shows each value with its source', () => {
    expect(plain(header(settings, 'INFRA_DEPLOYER_TOKEN', aRun()))).toBe(
      `
infra-deployer dev · plan prod/vpc
  repo    infra-live                   (policy: only repository)
  ref     refs/heads/feature/nat       (CI_COMMIT_BRANCH)
  commit  0b497ce3  "add nat gateway"  (CI_COMMIT_SHA)
  caller  deploy                       (INFRA_DEPLOYER_TOKEN)
  server  http://127.0.0.1:8080        (INFRA_DEPLOYER_SERVER)`.trimStart(),
    );
  });

  test('shows what is known before there is a run, and what was said beyond the usual', () => {
    const asked: Settings = {
      ...settings,
      path: { value: 'prod/vpc', source: 'current directory' },
      repo: { value: 'infra-live', source: '--repo' },
      timeout: { value: 90_000, source: '--timeout' },
    };
    expect(plain(header(asked, 'INFRA_DEPLOYER_TOKEN'))).toBe(
      `
infra-deployer dev · plan prod/vpc
  path     prod/vpc                     (current directory)
  repo     infra-live                   (--repo)
  ref      refs/heads/feature/nat       (CI_COMMIT_BRANCH)
  commit   0b497ce3  "add nat gateway"  (CI_COMMIT_SHA)
  timeout  1 m 30 s                     (--timeout)
  server   http://127.0.0.1:8080        (INFRA_DEPLOYER_SERVER)`.trimStart(),
    );
  });
});

describe('a success', () => {
  test('of a plan counts and lists the changes', () => {
    expect(plain(success(planned))).toBe(
      `
✔ plan: 2 to add, 1 to change, 0 to destroy · 0.4 s
  + aws_nat_gateway.a
  + aws_eip.nat
  ~ aws_route_table.private`.trimStart(),
    );
  });

  test('of a plan lists twenty changes at most', () => {
    const changes = Array.from({ length: 23 }, (_, n) => ({ address: `a.b${n}`, action: 'delete' as const }));
    const lines = success({ ...planned, changes }).map(withoutColour);
    expect(lines).toHaveLength(22);
    expect(lines.at(-2)).toBe('  - a.b19');
    expect(lines.at(-1)).toBe('  … 3 more');
  });

  test('of a plan without changes says so', () => {
    expect(plain(success(unchanged))).toBe('✔ plan: no changes · 0.4 s');
  });

  test('of a plan that changes outputs only is not called one without changes', () => {
    expect(plain(success({ ...unchanged, hasChanges: true }))).toBe(
      '✔ plan: 0 to add, 0 to change, 0 to destroy, outputs only · 0.4 s',
    );
  });

  test('of an apply says what was done to the state', () => {
    expect(plain(success(applied))).toBe(
      '✔ apply: 2 added, 1 changed, 1 replaced, 0 destroyed · 41 s · state serial 118 → 119',
    );
  });

  test('tells that the ref has moved on', () => {
    expect(plain(success({ ...applied, tip }))).toContain(
      '\n  refs/heads/main has moved on to 1234abcd; this is 0b497ce3',
    );
  });
});

describe('a problem', () => {
  test('that the policy has ends with exit code, error code and request', () => {
    const failure = {
      code: 'E_REF_NOT_ALLOWED',
      message: 'apply of prod/vpc from feature/nat is not allowed',
      fix: 'merge to main',
      reasons: [{ message: 'rule `apply-reviewed` allows apply of this path, but not from this ref' }],
      requestId: 'req-1',
      status: 403,
    };
    expect(plain(problem(failure, 5))).toBe(
      `
✘ denied: apply of prod/vpc from feature/nat is not allowed
  rule \`apply-reviewed\` allows apply of this path, but not from this ref
  fix: merge to main
exit 5 · E_REF_NOT_ALLOWED · request req-1`.trimStart(),
    );
  });

  test.each<[Run, number, string]>([
    [failed('E_PLAN', 'terraform plan ended with 1'), 1, 'plan of prod/vpc failed: terraform plan ended with 1'],
    [failed('E_REF_NOT_FOUND', 'there is no ref `x`', 5), 5, 'plan of prod/vpc was refused: there is no ref `x`'],
    [{ ...failed('E_LOST', 'its worker is gone'), state: 'lost' }, 1, 'plan of prod/vpc was lost: its worker is gone'],
    [{ ...failed('E_TIMED_OUT', 'after 30 m'), state: 'timed_out' }, 1, 'plan of prod/vpc timed out: after 30 m'],
    [{ ...failed('E_CANCELED', 'by anna.k'), state: 'canceled' }, 1, 'plan of prod/vpc was canceled: by anna.k'],
  ])('of a run ends with exit code, error code and run: %#', (run, exitCode, message) => {
    const failure = failureOf(run);
    if (!failure) throw new Error('it did not fail');
    expect(plain(problem(failure, exitCode, run))).toBe(
      `✘ ${message}\n  fix: look at the output above\nexit ${exitCode} · ${run.error?.code} · run ${runId}`,
    );
  });

  test('has none when the run succeeded', () => {
    expect(failureOf(planned)).toBeUndefined();
  });

  test('may have a fix of several lines', () => {
    expect(plain(explained({ code: 'E_USAGE', message: 'no', fix: 'this\nor that' }))).toBe(
      '✘ no\n  fix: this\n       or that',
    );
  });
});

describe('looking at runs', () => {
  test('one is a page', () => {
    expect(plain(runPage(applied))).toBe(
      `
${runId} · apply prod/vpc
  state    succeeded · exit 0
  repo     infra-live
  path     prod/vpc
  ref      refs/heads/main
  commit   ${commit}
  rule     apply-reviewed
  caller   deploy
  plan     r_planplanplanplanplanplan22
  tool     terraform 1.11.4
  serial   118 → 119
  asked    2026-05-03 14:02:11
  ended    2026-05-03 14:02:53, after 42 s
  phases   queue 0.0 s · worker 0.2 s · source 0.4 s · init 0.1 s · apply 41 s · finish 0.1 s
  changes  2 added, 1 changed, 1 replaced, 0 destroyed`.trimStart(),
    );
  });

  test('one that waits tells how many are ahead, one that failed why', () => {
    expect(plain(runPage(aRun({ position: 2 })))).toContain('  state   queued, queue · 2 ahead\n');
    expect(plain(runPage(failed('E_PLAN', 'it said no')))).toContain(
      '  ✘ E_PLAN: it said no\n    fix: look at the output above',
    );
  });

  test('several are a table whose columns line up', () => {
    const [head = '', first = '', second = ''] = runTable([planned, aRun({ path: 'prod/network/core' })]).map(
      withoutColour,
    );
    expect(head).toMatch(/^RUN +STATE +COMMAND +PATH +REF +COMMIT +ASKED \(UTC\) +TOOK +CALLER$/);
    for (const [title, value, other] of [
      ['STATE', 'succeeded', 'queued'],
      ['PATH', 'prod/vpc', 'prod/network/core'],
      ['COMMIT', '0b497ce3', '–'],
      ['CALLER', 'deploy', 'deploy'],
    ] as const) {
      const at = head.indexOf(title);
      expect(first.slice(at).startsWith(value)).toBe(true);
      expect(second.slice(at).startsWith(other)).toBe(true);
    }
    expect(runTable([])).toEqual(['no runs']);
  });
});
