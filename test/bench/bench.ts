/** `npm run bench`: what the whole chain costs against `git clone --depth 1 && terraform init && terraform plan`, side by side. */
import { rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Value } from 'typebox/value';
import { type Run, RunSchema } from '../../policies/contract/run.ts';
import { exampleRepository } from '../demo/example-repository.ts';
import { buildFor } from '../support/build.ts';
import { mustRun } from '../support/command.ts';
import { gitEnvironment, terraformEnvironment } from '../support/environment.ts';
import { missingParts } from '../support/requirements.ts';
import { type Server, startServer } from '../support/server.ts';
import { type Sshd, startSshd } from '../support/sshd.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { bigRepository, commitCount, fileCount } from './big-repository.ts';
import { bar, inSeconds, summary, table } from './figures.ts';
import { outputSpeed } from './output-speed.ts';

const rounds = 7;
const stack = 'prod/vpc';
const say = (line: string) => process.stdout.write(`${line}\n`);

const missing = missingParts();
if (missing.length > 0) {
  process.stderr.write(`the bench needs sshd and terraform\n  missing ${missing.join('\n  missing ')}\n`);
  process.exitCode = 3;
} else {
  await bench();
}

async function bench(): Promise<void> {
  const cacheDir = join(tmpdir(), `infra-deployer-bench-${process.getuid?.() ?? 0}`);
  const big = bigRepository(cacheDir, say);
  const dir = temporaryDirectory('idb');
  process.env.TMPDIR = dir;
  await buildFor(dir);
  const small = exampleRepository(join(dir, 'infra-live.git')).dir;
  const sshd = await startSshd();
  const server = await startServer({ policy: policy(sshd, { small, big }), dataDir: join(dir, 'data') });
  try {
    const measured = [
      await compare('demo', 'the demo repository', small, sshd, server),
      await compare('big', `${fileCount} files, ${commitCount} commits`, big, sshd, server),
    ];
    report(measured);
    await reportOutput();
  } finally {
    await server.stop();
    await sshd.stop();
    rmSync(dir, { recursive: true, force: true });
  }
}

interface Measured {
  readonly title: string;
  readonly byHand: readonly number[];
  readonly ours: readonly number[];
  readonly runs: readonly Run[];
}

/** Alternating, so that whatever else the machine does falls on both; the first round of each warms up and is not counted. */
async function compare(repo: string, title: string, dir: string, sshd: Sshd, server: Server): Promise<Measured> {
  const byHand: number[] = [];
  const ours: number[] = [];
  const runs: Run[] = [];
  for (let round = 0; round <= rounds; round += 1) {
    const handMs = await timed(() => planByHand(sshd.url(dir), sshd));
    const ourMs = await timed(async () => {
      const run = await planByServer(repo, server);
      if (round > 0) runs.push(run);
    });
    if (round > 0) {
      byHand.push(handMs);
      ours.push(ourMs);
    }
    process.stderr.write(`${title}: round ${round} of ${rounds}\n`);
  }
  return { title, byHand, ours, runs };
}

async function planByHand(url: string, sshd: Sshd): Promise<void> {
  const dir = temporaryDirectory();
  const knownHosts = join(dir, 'known_hosts');
  writeFileSync(knownHosts, `${sshd.knownHosts}\n`);
  const clone = join(dir, 'clone');
  const ssh = `ssh -F none -i ${sshd.deployKeyFile} -o UserKnownHostsFile=${knownHosts} -o StrictHostKeyChecking=yes`;
  await mustRun('git', ['clone', '--quiet', '--depth=1', url, clone], {
    env: gitEnvironment({ GIT_SSH_COMMAND: ssh }),
  });
  const env = terraformEnvironment();
  await mustRun('terraform', ['init', '-input=false'], { cwd: join(clone, stack), env });
  await mustRun('terraform', ['plan', '-input=false'], { cwd: join(clone, stack), env });
}

async function planByServer(repo: string, server: Server): Promise<Run> {
  const args = ['--command', 'plan', '--path', stack, '--ref', 'main', '--repo', repo, '--json'];
  const { status, stdout, stderr } = await server.cli(args);
  if (status !== 0) throw new Error(`exit ${status}: ${stderr}${stdout}\n${server.log()}`);
  const { run } = JSON.parse(stdout) as { run: unknown };
  if (!Value.Check(RunSchema, run)) throw new Error(`not a run: ${stdout}`);
  return run;
}

async function timed(work: () => Promise<void>): Promise<number> {
  const start = performance.now();
  await work();
  return performance.now() - start;
}

function policy(sshd: Sshd, dirs: { small: string; big: string }): object {
  const repository = (dir: string) => ({
    url: sshd.url(dir),
    deploy_key: `file:${sshd.deployKeyFile}`,
    known_hosts: `${sshd.knownHosts}\n`,
    rules: [{ name: 'plan-anywhere', allow: ['plan'], refs: ['refs/heads/**'], paths: ['prod/**'] }],
  });
  return { version: 1, repositories: { demo: repository(dirs.small), big: repository(dirs.big) } };
}

function report(measured: readonly Measured[]): void {
  const rows = measured.map(({ title, byHand, ours }) => {
    const [hand, our] = [summary(byHand), summary(ours)];
    return { title, hand, our, ratio: (our.median / hand.median).toFixed(2) };
  });
  say(`\nA plan of ${stack}, median of ${rounds} (min–max), over the same SSH server on loopback\n`);
  say(
    table([
      ['repository', 'git clone --depth 1, init, plan', 'infra-deployer --command plan', 'ratio'],
      ...rows.map(({ title, hand, our, ratio }) => [title, inSeconds(hand), inSeconds(our), ratio]),
    ]),
  );
  const longest = Math.max(...rows.flatMap(({ hand, our }) => [hand.median, our.median]));
  for (const { title, hand, our } of rows) {
    say(`\n${title}\n  by hand         ${bar(hand.median, longest)}\n  infra-deployer  ${bar(our.median, longest)}`);
  }
  say('\nWhere our time goes, median milliseconds; "outside" is the CLI, its requests and its waiting\n');
  say(phaseTable(measured));
}

async function reportOutput(): Promise<void> {
  const { plain, masked } = await outputSpeed(rounds);
  const [cut, ours] = [summary(plain), summary(masked)];
  const megabytes = ({ median, min, max }: typeof cut) => `${[median, min, max].map(Math.round).join(' / ')} MB/s`;
  say('\nOutput of Terraform in lines, median / min / max\n');
  say(
    table([
      ['', 'speed', 'ratio'],
      ['decoded and cut alone', megabytes(cut), '1.0'],
      ['cleaned and masked too, 50 secrets', megabytes(ours), (cut.median / ours.median).toFixed(1)],
    ]),
  );
}

function phaseTable(measured: readonly Measured[]): string {
  const phases = [...new Set(measured.flatMap(({ runs }) => runs.flatMap(run => Object.keys(run.timings))))];
  const inside = (run: Run) => Object.values(run.timings).reduce((sum, ms) => sum + ms, 0);
  const ms = (values: readonly number[]) => summary(values).median.toFixed(0);
  return table([
    ['repository', ...phases, 'outside'],
    ...measured.map(({ title, ours, runs }) => [
      title,
      ...phases.map(phase => ms(runs.map(run => run.timings[phase] ?? 0))),
      ms(ours.map((total, index) => total - (runs[index] ? inside(runs[index]) : 0))),
    ]),
  ]);
}
