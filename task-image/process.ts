/**
 * Entry point of a worker: a child of the embedded server, a task, or a Lambda container, as the platform's variables say.
 * With the argument `isolation` it only says how it would keep Terraform from what is its own.
 */
import { unreachedExitCode } from '../policies/contract/worker.ts';
import { type StopReason, takeControl } from './control.ts';
import { doorwayTo } from './doorway.ts';
import { Failure } from './failure.ts';
import { findIsolation, isolationNamed } from './isolation.ts';
import { lambdaWorker } from './lambda.ts';
import { serve } from './lambda-runtime.ts';
import { proxyNamed } from './proxy.ts';
import { work } from './work.ts';

const {
  AWS_LAMBDA_RUNTIME_API: lambda,
  INFRA_DEPLOYER_DOOR: door = '',
  INFRA_DEPLOYER_RUN: run = '',
  INFRA_DEPLOYER_TICKET: ticket = '',
  INFRA_DEPLOYER_WORK_DIR: workDir = '/tmp/work',
  // Of the embedded server, which makes them itself.
  INFRA_DEPLOYER_RUN_DIR: runDir,
  INFRA_DEPLOYER_CLONE_DIR: cloneDir = `${workDir}/clone`,
  INFRA_DEPLOYER_DATA_DIR: dataDir = `${workDir}/data`,
  INFRA_DEPLOYER_STATE_FILE: stateFile,
  INFRA_DEPLOYER_ISOLATION: isolationKind,
  INFRA_DEPLOYER_TOOL_UID: uid,
  INFRA_DEPLOYER_TOOL_GID: gid = uid,
  INFRA_DEPLOYER_CACHE_DIR: cacheDir,
  // Of the Terraform module's network.
  INFRA_DEPLOYER_PROXY: proxy,
  INFRA_DEPLOYER_NO_PROXY: noProxy,
  // Only the image says this: in it, there is nobody else whose files and processes would be lost.
  INFRA_DEPLOYER_OWN_DIR: ownDir,
  PATH: path = '/usr/local/bin:/usr/bin:/bin',
} = process.env;

process.umask(0o077);
// Lambda starts its containers as a user that cannot become another one.
const toolUser = uid === undefined || lambda !== undefined ? undefined : { uid: Number(uid), gid: Number(gid) };
if (toolUser !== undefined && process.getuid?.() !== 0)
  throw new Error('this worker must start as root: Terraform is to run as another user');
const isolate = async () =>
  isolationKind === undefined ? await findIsolation(path, toolUser) : isolationNamed(isolationKind, path);
const places = {
  ...(runDir === undefined ? { workDir, runDir: `${workDir}/run` } : { runDir }),
  ...{ cloneDir, dataDir, path },
  ...(stateFile && { stateFile }),
  ...(cacheDir && { cacheDir }),
  ...(proxy && { proxy: proxyNamed(proxy, noProxy) }),
};

if (process.argv[2] === 'isolation') {
  process.stdout.write(JSON.stringify(await isolate()));
} else if (lambda !== undefined) {
  const own = ownDir === undefined ? {} : { ownDir };
  await serve(lambda, async () => lambdaWorker({ door, places, isolation: await isolate(), ...own }));
} else {
  const isolation = await isolate();
  const control = await takeControl(doorwayTo(door), run, ticket).catch(error => {
    if (!(error instanceof Failure) || error.problem.code !== 'E_LOST') throw error;
    process.stderr.write(`${error.message}\n`);
    return process.exit(unreachedExitCode);
  });
  const halt = (reason: StopReason) => () => control.halt(reason);
  process.on('SIGTERM', halt('terminated'));
  process.on('SIGINT', halt('terminated'));
  await work(control, places, isolation);
  // Timers and sockets of the control channel must not hold the worker back: its run has ended.
  process.exit(0);
}
