/** What a signal does: before there is a run it ends the command, the first one cancels the run, the second one leaves. */
import { exitCodeOfSignal, type Signal } from './exit-code.ts';
import type { Surroundings } from './invocation.ts';

export interface Interruption {
  /** The first signal, once it has come. */
  readonly signal: () => Signal | undefined;
  /** Gives up what is under way before there is a run. */
  readonly abort: AbortSignal;
  /** From now on the first signal cancels; one that has come already cancels now. */
  arm: (cancel: (signal: Signal) => void, leave: (signal: Signal) => never) => void;
  close: () => void;
}

export function listenForInterruption({ onSignal, exit }: Pick<Surroundings, 'onSignal' | 'exit'>): Interruption {
  const early = new AbortController();
  let first: Signal | undefined;
  let armed: { cancel: (signal: Signal) => void; leave: (signal: Signal) => never } | undefined;

  const close = onSignal(signal => {
    if (first !== undefined) return armed ? armed.leave(signal) : exit(exitCodeOfSignal(signal));
    first = signal;
    if (armed) armed.cancel(signal);
    else early.abort();
  });

  return {
    signal: () => first,
    abort: early.signal,
    arm: (cancel, leave) => {
      armed = { cancel, leave };
      if (first !== undefined) cancel(first);
    },
    close,
  };
}
