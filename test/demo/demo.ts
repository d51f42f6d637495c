/** `npm run demo`: a repository, a server and the real commands, live: plan, apply, plan again, and an apply that is refused. */
// --keep keeps the directory it works in.
import { spawn } from 'node:child_process';
import { rmSync } from 'node:fs';
import { homedir } from 'node:os';
import { delimiter, join } from 'node:path';
import { styleText } from 'node:util';
import { bundle } from '../../esbuild.config.ts';
import { dist } from '../support/cli.ts';
import { type Server, startServer } from '../support/server.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { whereIs } from '../support/where-is.ts';
import { exampleRepository } from './example-repository.ts';
import { fetchRelease } from './fetch-release.ts';
import { nextSteps } from './next-steps.ts';
import { releaseHost, terraformRelease } from './releases.ts';

interface Step {
  readonly title: string;
  readonly command: 'plan' | 'apply';
  readonly ref: string;
  readonly exitCode: number;
}

const steps: readonly Step[] = [
  { title: 'What would change? CI asks for a plan', command: 'plan', ref: 'main', exitCode: 0 },
  { title: 'Exactly that plan is applied', command: 'apply', ref: 'main', exitCode: 0 },
  { title: 'A second plan has nothing to do', command: 'plan', ref: 'main', exitCode: 0 },
  { title: 'An apply of code that nobody reviewed is refused', command: 'apply', ref: 'feature/nat', exitCode: 5 },
];

const say = (text = '') => process.stdout.write(`${text}\n`);
const heading = (text: string) => say(`\n${styleText('bold', text)}`);

async function demo(argv: readonly string[]): Promise<number> {
  const start = performance.now();
  const keep = argv.includes('--keep');
  const tool = await terraform();
  if (process.env.INFRA_DEPLOYER_DIST === undefined) await bundle();
  // The terminal sends ^C to the running command too, which cancels its run; it must not get in the way of cleaning up.
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => undefined);
  const dir = temporaryDirectory('infra-deployer-demo');
  // All that is made from here on is below `dir`, so that one removal removes it all.
  process.env.TMPDIR = dir;
  let server: Server | undefined;
  try {
    const repository = exampleRepository(join(dir, 'infra-live.git'));
    heading('An infrastructure repository');
    say(repository.git('ls-tree', '-r', '--name-only', 'main').replace(/^/gm, '  '));
    const policy = examplePolicy(repository.dir, tool.binary);
    server = await startServer({ policy, dataDir: join(dir, 'data'), env: { PATH: tool.path }, ownGroup: true });
    heading('The deploy server, the only one that may run Terraform');
    say(`  listens on ${server.url} with the policy ${server.policyFile}`);
    const env = { INFRA_DEPLOYER_SERVER: server.url, INFRA_DEPLOYER_TOKEN: server.tokens.deploy };
    for (const [index, step] of steps.entries()) {
      const exitCode = await take(index + 1, step, env, dir);
      if (exitCode === step.exitCode) continue;
      if (exitCode === 130) return exitCode;
      say(`✘ the demo expected exit code ${step.exitCode}; the server said:\n${server.log()}`);
      return 1;
    }
    heading(`All ${steps.length} steps ended as expected, in ${((performance.now() - start) / 1000).toFixed(0)} s.`);
    say(nextSteps);
    return 0;
  } finally {
    await server?.stop();
    if (!keep) rmSync(dir, { recursive: true, force: true });
    say(`\nThe server is stopped; ${dir} is ${keep ? 'kept' : 'removed (--keep keeps it)'}.`);
  }
}

/** What is on the PATH, or a fetched release in front of it. */
async function terraform(): Promise<{ binary: string; path: string }> {
  const path = process.env.PATH ?? '';
  const binary = ['terraform', 'tofu'].find(name => whereIs(name));
  if (binary !== undefined) return { binary, path };
  const fetched = await fetchRelease({
    release: terraformRelease,
    host: process.env.INFRA_DEPLOYER_DEMO_MIRROR ?? releaseHost,
    cacheDir: join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'infra-deployer'),
    platform: process.platform,
    arch: process.arch,
    say,
  });
  return { binary: 'terraform', path: `${fetched}${delimiter}${path}` };
}

const examplePolicy = (url: string, binary: string) => ({
  version: 1,
  repositories: {
    'infra-live': {
      url,
      rules: [
        { name: 'plan-anywhere', allow: ['plan'], refs: ['refs/heads/**'], paths: ['prod/**', 'staging/**'] },
        { name: 'apply-reviewed', allow: ['apply'], refs: ['refs/heads/main'], paths: ['prod/**', 'staging/**'] },
      ],
      stacks: [{ paths: ['**'], binary }],
    },
  },
});

function take(number: number, step: Step, settings: Readonly<Record<string, string>>, cwd: string): Promise<number> {
  const args = ['--command', step.command, '--path', 'prod/vpc', '--ref', step.ref];
  heading(`${number}. ${step.title}`);
  say(`$ infra-deployer ${args.join(' ')}`);
  // Of the shell only what is about the terminal: a GitLab job's own variables would say which ref is meant.
  const { PATH = '', TERM, COLORTERM, NO_COLOR, LANG } = process.env;
  const env = { PATH, TERM, COLORTERM, NO_COLOR, LANG, ...settings };
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [join(dist(), 'infra-deployer.js'), ...args], {
      cwd,
      env,
      stdio: 'inherit',
    });
    child.on('error', reject);
    child.on('close', (status, signal) => {
      say(`→ exit code ${status ?? signal}`);
      resolve(status ?? 1);
    });
  });
}

process.exitCode = await demo(process.argv.slice(2)).catch(error => {
  process.stderr.write(`✘ ${error instanceof Error ? error.message : error}\n`);
  return 1;
});
