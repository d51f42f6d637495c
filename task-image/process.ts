/**
 * Entry point of a worker that is a process: a child of the embedded server, or a task's container. With the argument
 * `isolation` it only says how it would keep Terraform from what is its own.
 */
import { type StopReason, takeControl } from './control.ts';
import { doorwayTo } from './doorway.ts';
import { findIsolation, isolationNamed } from './isolation.ts';
import { work } from './work.ts';

const {
  INFRA_DEPLOYER_DOOR: door = '',
  INFRA_DEPLOYER_RUN: run = '',
  INFRA_DEPLOYER_TICKET: ticket = '',
  INFRA_DEPLOYER_RUN_DIR: runDir = '/tmp/run',
  INFRA_DEPLOYER_CLONE_DIR: cloneDir = '/tmp/clone',
  INFRA_DEPLOYER_DATA_DIR: dataDir = '/tmp/data',
  INFRA_DEPLOYER_STATE_FILE: stateFile,
  INFRA_DEPLOYER_ISOLATION: isolationKind,
  INFRA_DEPLOYER_TOOL_UID: uid,
  INFRA_DEPLOYER_TOOL_GID: gid = uid,
  INFRA_DEPLOYER_CACHE_DIR: cacheDir,
  PATH: path = '/usr/local/bin:/usr/bin:/bin',
} = process.env;

process.umask(0o077);
const toolUser = uid === undefined ? undefined : { uid: Number(uid), gid: Number(gid) };
const isolation =
  isolationKind === undefined ? await findIsolation(path, toolUser) : isolationNamed(isolationKind, path);
if (process.argv[2] === 'isolation') {
  process.stdout.write(JSON.stringify(isolation));
} else {
  const control = await takeControl(doorwayTo(door), run, ticket);
  const halt = (reason: StopReason) => () => control.halt(reason);
  process.on('SIGTERM', halt('terminated'));
  process.on('SIGINT', halt('terminated'));
  const places = { runDir, cloneDir, dataDir, path, ...(stateFile && { stateFile }), ...(cacheDir && { cacheDir }) };
  await work(control, places, isolation);
  // Timers and sockets of the control channel must not hold the worker back: its run has ended.
  process.exit(0);
}
