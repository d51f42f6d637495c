import { describe, expect, test } from 'vitest';
import { type Stopped, stopReason } from '../../../invoker/aws/stop-reason.ts';

const pull = 'CannotPullContainerError: pull image manifest has been retried 5 time(s): failed to resolve ref';
const secrets =
  'ResourceInitializationError: unable to pull secrets or registry auth: execution resource retrieval failed';
const notStarted = (stoppedReason: string) => ({ stopCode: 'TaskFailedToStart' as const, stoppedReason });
const exited: Stopped = { stopCode: 'EssentialContainerExited', stoppedReason: 'Essential container in task exited' };

describe('a task that stopped', () => {
  test.each<[string, Stopped]>([
    ['its image is missing', notStarted(`${pull} 1.dkr.ecr.eu-west-1.amazonaws.com/worker@sha256:0: not found`)],
    ['its image is not for this role', notStarted(`${pull}: 403 Forbidden`)],
    [
      'a secret is unreadable',
      notStarted(`${secrets}: AccessDeniedException: is not authorized to perform: kms:Decrypt`),
    ],
    [
      'a log group is missing',
      notStarted('ResourceInitializationError: failed to validate logger args: log group does not exist'),
    ],
    [
      'its subnet may not be used',
      notStarted('Unexpected EC2 error while attempting to Create Network Interface: UnauthorizedOperation'),
    ],
    ['somebody stopped it', { stopCode: 'UserInitiated' as const, stoppedReason: 'Task stopped by user, try again' }],
    ['its worker ended', exited],
    ['its worker failed', { ...exited, containers: [{ exitCode: 1 }] }],
    ['nobody knows why', {}],
  ])('because %s fails its run', (_, task) => {
    expect(stopReason(task)).not.toHaveProperty('again');
    expect(stopReason(task).failed).toContain(task.stoppedReason ?? 'the task stopped');
  });

  test.each<[string, Stopped]>([
    [
      'its spare capacity was taken',
      { stopCode: 'SpotInterruption' as const, stoppedReason: 'Your Spot Task was interrupted.' },
    ],
    [
      'its host is retired',
      { stopCode: 'TerminationNotice' as const, stoppedReason: 'Task was not found, host is gone' },
    ],
    ['its registry did not answer', notStarted(`${pull}: dial tcp 10.0.0.1:443: i/o timeout`)],
    ['its registry had too many requests', notStarted(`${pull}: 429 Too Many Requests`)],
    ['its network was late', notStarted('Timeout waiting for network interface provisioning to complete.')],
    ['a secret did not come in time', notStarted(`${secrets}: RequestCanceled: caused by: context deadline exceeded`)],
    [
      'its subnet is full',
      notStarted(
        'Unexpected EC2 error while attempting to Create Network Interface: InsufficientFreeAddressesInSubnet',
      ),
    ],
    ['its worker did not reach its door', { ...exited, containers: [{ exitCode: 75 }] }],
    ['there was no room', notStarted('Capacity is unavailable at this time. Please try again later')],
  ])('because %s may be tried again', (_, task) => {
    expect(stopReason(task)).toMatchObject({ again: true });
    expect(stopReason(task).failed).toContain(task.stoppedReason);
  });

  test('says what its container said, once', () => {
    expect(
      stopReason({
        stopCode: 'EssentialContainerExited',
        stoppedReason: 'Essential container in task exited',
        containers: [
          { name: 'worker', reason: 'OutOfMemoryError: Container killed due to memory usage', exitCode: 137 },
        ],
      }),
    ).toEqual({
      failed:
        'Essential container in task exited; OutOfMemoryError: Container killed due to memory usage; exit code 137; EssentialContainerExited',
    });
    const said = `${pull}: not found`;
    expect(stopReason({ ...notStarted(said), containers: [{ reason: said }] }).failed).toBe(
      `${said}; TaskFailedToStart`,
    );
  });
});
