/** What a command is called with and what it gives back; effects reach it only through its surroundings. */
import type { Run } from '../policies/contract/run.ts';
import type { Signal } from './exit-code.ts';
import type { Failure } from './failure.ts';
import type { Given } from './given.ts';
import type { Screen } from './screen.ts';

export type Env = Readonly<Record<string, string | undefined>>;

/** The process a command runs in. */
export interface Surroundings {
  readonly env: Env;
  readonly cwd: string;
  readonly stdout: NodeJS.WriteStream;
  readonly stderr: NodeJS.WriteStream;
  /** Calls `listener` for each signal until the returned function is called. */
  readonly onSignal: (listener: (signal: Signal) => void) => () => void;
  /** Ends the process at once: only for somebody who asks for it twice. */
  readonly exit: (code: number) => never;
}

export interface Invocation {
  readonly given: Given;
  readonly operand?: string;
  readonly surroundings: Surroundings;
  readonly screen: Screen;
}

/** How a command ended. `data` is what `--json` prints, besides exit code and error. */
export interface Ending {
  readonly data: { readonly run?: Run; readonly runs?: readonly Run[]; readonly [key: string]: unknown };
  readonly failure?: Failure;
  /** Left out: 0, or what the failure says. */
  readonly exitCode?: number;
}

export type Action = (invocation: Invocation) => Promise<Ending>;
