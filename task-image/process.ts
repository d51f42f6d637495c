/** Entry point of a worker that is a process: a child of the embedded server, or a task's container. */
import { type StopReason, takeControl } from './control.ts';
import { work } from './work.ts';

const {
  INFRA_DEPLOYER_DOOR: door = '',
  INFRA_DEPLOYER_RUN: run = '',
  INFRA_DEPLOYER_TICKET: ticket = '',
  INFRA_DEPLOYER_RUN_DIR: runDir = '/tmp/run',
  INFRA_DEPLOYER_CLONE_DIR: cloneDir = '/tmp/clone',
  INFRA_DEPLOYER_STATE_FILE: stateFile,
  INFRA_DEPLOYER_CACHE_DIR: cacheDir,
  PATH: path = '/usr/local/bin:/usr/bin:/bin',
} = process.env;

process.umask(0o077);
const control = await takeControl(door, run, ticket);
const halt = (reason: StopReason) => () => control.halt(reason);
process.on('SIGTERM', halt('terminated'));
process.on('SIGINT', halt('terminated'));
await work(control, {
  runDir,
  cloneDir,
  path,
  ...(stateFile === undefined ? {} : { stateFile }),
  ...(cacheDir === undefined ? {} : { cacheDir }),
});
// Timers and sockets of the control channel must not hold the worker back: its run has ended.
process.exit(0);
