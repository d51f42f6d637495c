/** One task of ECS: its process, with the environment that Fargate gives it, and what ECS says of it. */
import { cleanEnvironment } from '../../environment.ts';
import { list, record, text } from '../demands/demand.ts';
import { type Sandbox, startSandbox } from '../sandbox.ts';
import type { TaskDefinition } from '../world.ts';
import type { TaskEndpoint } from './endpoint.ts';

export interface Task {
  readonly arn: string;
  /** As DescribeTasks has it. */
  described(): Readonly<Record<string, unknown>>;
  isStopping(): boolean;
  /** Everything the container printed. */
  log(): string;
  /** SIGTERM, and SIGKILL after the stop timeout; AWS does so of its own accord with the code `SpotInterruption`. */
  stop(stopCode: string, stoppedReason: string): void;
  /** At once, as when the machine below it is gone. */
  kill(): void;
}

/** How a task ends that never runs, e.g. `TaskFailedToStart` by `CannotPullContainerError: …`. */
export interface FailedStart {
  readonly stopCode: string;
  readonly stoppedReason: string;
}

export interface TaskOptions {
  /** As moto described it after RunTask. */
  readonly moto: Readonly<Record<string, unknown>>;
  readonly definition: TaskDefinition;
  readonly region: string;
  /** For `AWS_ENDPOINT_URL`, the one variable that AWS does not set. */
  readonly url: string;
  readonly endpoint: TaskEndpoint;
  onStopped(event: unknown): void;
}

export function startTask(options: TaskOptions, failedStart?: FailedStart): Task {
  const { moto, definition, endpoint, onStopped } = options;
  const arn = text(moto.taskArn);
  const createdAt = Date.now() / 1000;
  let status = { lastStatus: 'PENDING', desiredStatus: 'RUNNING' } as Readonly<Record<string, unknown>>;
  let exitCode: number | undefined;
  let output = '';
  const described = () => ({
    ...moto,
    createdAt,
    ...status,
    containers: [
      {
        name: definition.container,
        taskArn: arn,
        lastStatus: status.lastStatus,
        ...(exitCode !== undefined && { exitCode }),
      },
    ],
  });
  const stopped = () => {
    status = { ...status, lastStatus: 'STOPPED', desiredStatus: 'STOPPED', stoppedAt: Date.now() / 1000 };
    endpoint.remove(arn);
    // https://docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs_task_events.html
    onStopped({ source: 'aws.ecs', 'detail-type': 'ECS Task State Change', resources: [arn], detail: described() });
  };

  const end = (stopCode: string, stoppedReason: string) => {
    // Who asked it to stop has said why already.
    status = { stopCode, stoppedReason, ...status };
    stopped();
  };

  let sandbox: Sandbox | undefined;
  if (failedStart) {
    status = { ...status, desiredStatus: 'STOPPED', ...failedStart };
    setImmediate(stopped);
  } else {
    sandbox = startSandbox({
      command: definition.command,
      env: environmentOf(options),
      onOutput(text) {
        output += text;
      },
      onEnd({ error, status: code, signal }) {
        if (error) return end('TaskFailedToStart', `CannotStartContainerError: ${error.message}`);
        // As a shell counts the signals: 137 for SIGKILL, 143 for SIGTERM.
        exitCode = code ?? 128 + (signal === 'SIGKILL' ? 9 : 15);
        end('EssentialContainerExited', 'Essential container in task exited');
      },
    });
    setImmediate(() => {
      if (status.lastStatus === 'PENDING') status = { ...status, lastStatus: 'RUNNING', startedAt: Date.now() / 1000 };
    });
  }
  const kill = () => sandbox?.kill();

  return {
    arn,
    described,
    isStopping: () => status.desiredStatus === 'STOPPED',
    log: () => output,
    stop(stopCode, stoppedReason) {
      if (status.desiredStatus === 'STOPPED') return;
      status = { ...status, desiredStatus: 'STOPPED', stopCode, stoppedReason };
      sandbox?.signal('SIGTERM');
      setTimeout(kill, definition.stopTimeoutSeconds * 1000).unref();
    },
    kill,
  };
}

/** https://docs.aws.amazon.com/AmazonECS/latest/developerguide/fargate-metadata.html */
function environmentOf({ moto, definition, region, url, endpoint }: TaskOptions): Record<string, string> {
  const [override] = list(record(moto.overrides).containerOverrides).map(record);
  const overridden = list(override?.environment).map(record);
  const { PATH = '', TMPDIR = '/tmp' } = cleanEnvironment();
  const { metadataUri, credentialsUri } = endpoint.add(text(moto.taskArn), definition.taskRole);
  return {
    PATH,
    TMPDIR,
    HOME: TMPDIR,
    AWS_REGION: region,
    AWS_DEFAULT_REGION: region,
    AWS_EXECUTION_ENV: 'AWS_ECS_FARGATE',
    AWS_ENDPOINT_URL: url,
    ECS_CONTAINER_METADATA_URI_V4: metadataUri,
    // AWS sets …_RELATIVE_URI, which clients take to be below http://169.254.170.2; that address is not ours to serve.
    AWS_CONTAINER_CREDENTIALS_FULL_URI: credentialsUri,
    ...definition.env,
    ...Object.fromEntries(overridden.map(({ name, value }) => [text(name), text(value)])),
  };
}
