// First step of every npm script, in plain JavaScript so that any Node can read it: checks the Node version, installs
// the locked dependencies when they are missing or outdated, then runs the script it was given with this same Node.
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
const event = process.env.npm_lifecycle_event || 'demo';

if (major < 22 || (major === 22 && minor < 18)) {
  const script = event === 'test' ? 'npm test' : `npm run ${event}`;
  process.stderr.write(
    `infra-deployer needs Node 22.18 or newer, this is ${process.versions.node}\n  fix: npx -y -p node@24 -- ${script}\n`,
  );
  process.exit(3);
}

// ^C is meant for the program that runs; this one waits until that has cleaned up.
process.on('SIGINT', () => undefined);

function run(args) {
  const result = spawnSync(process.execPath, args, { cwd: root, stdio: 'inherit' });
  if (result.error) throw result.error;
  return result.status ?? 1;
}

function isInstalled() {
  const installed = join(root, 'node_modules', '.package-lock.json');
  if (!existsSync(installed)) return false;
  return statSync(installed).mtimeMs >= statSync(join(root, 'package-lock.json')).mtimeMs;
}

if (!isInstalled()) {
  const npm = process.env.npm_execpath;
  if (!npm) {
    process.stderr.write(`the dependencies are not installed\n  fix: npm ci\n`);
    process.exit(3);
  }
  const { name } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  process.stderr.write(`${name}: installing the locked dependencies (npm ci)\n`);
  const status = run([npm, 'ci', '--include=dev', '--no-audit', '--no-fund', '--loglevel=error']);
  if (status !== 0) process.exit(status);
}

// Node warns about running TypeScript up to 22.x and about node:sqlite there; neither tells a user anything.
process.exit(run(['--disable-warning=ExperimentalWarning', ...process.argv.slice(2)]));
