/** Tasks of ECS as processes of this machine. */

export interface Task {
  readonly arn: string;
  readonly lastStatus: 'PENDING' | 'RUNNING' | 'STOPPED';
  /** Everything the container printed. */
  log(): string;
  /** As AWS stops a task of its own accord, e.g. `SpotInterruption`: SIGTERM, and SIGKILL after the stop timeout. */
  stop(stopCode: string, stoppedReason: string): void;
}
