/** Where people see what happens: lines that stay, and one line that tells what is going on now. */
import type { WriteStream } from 'node:tty';
import { printable, withoutColour } from '../policies/printable.ts';
import { dim, wantsColour } from './colour.ts';
import { formatDuration } from './duration.ts';
import type { Surroundings } from './invocation.ts';

export interface Screen {
  /** Whether this is `--json`: then people read stderr, and stdout is for programs. */
  readonly isJson: boolean;
  line: (text: string) => void;
  /** A line of the tool. */
  tool: (text: string) => void;
  error: (text: string) => void;
  /** What is going on now; nothing takes it away. */
  status: (text?: string) => void;
  /** Goes to stdout as it is. */
  data: (text: string) => void;
  close: () => void;
}

export interface ScreenOptions extends Pick<Surroundings, 'stdout' | 'stderr' | 'env'> {
  readonly isJson: boolean;
  readonly noColour: boolean;
}

const spinner = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏'];
const redrawMs = 100;
/** Off a terminal a silent job looks stuck after this long. */
const silenceMs = 30_000;
const clear = '\r\u001b[2K';
const reset = '\u001b[0m';

export function openScreen({ stdout, stderr, env, isJson, noColour }: ScreenOptions): Screen {
  const out = isJson ? stderr : stdout;
  const isLive = out.isTTY && env.TERM !== 'dumb';
  const cleanerOf = (stream: WriteStream) =>
    !noColour && wantsColour(env, stream.isTTY) ? printable : (text: string) => withoutColour(text);
  const [cleanOut, cleanError] = [cleanerOf(out), cleanerOf(stderr)];

  let now: { text: string; since: number } | undefined;
  let frame = 0;
  let isDrawn = false;
  let isToolColoured = false;
  let lastWrite = Date.now();

  const wipe = () => {
    if (isDrawn) out.write(clear);
    isDrawn = false;
  };
  const put = (stream: WriteStream, text: string) => {
    wipe();
    stream.write(`${text}\n`);
    lastWrite = Date.now();
  };
  /** A line of our own: no colour that the tool left open runs on into it. */
  const putOwn = (stream: WriteStream, text: string) => {
    put(stream, `${isToolColoured ? reset : ''}${text}`);
    isToolColoured = false;
  };
  const draw = () => {
    if (!now) return;
    const elapsedMs = Date.now() - now.since;
    if (isLive) {
      const text = `${spinner[frame++ % spinner.length]} ${now.text} · ${formatDuration(elapsedMs)}`;
      const width = Math.max((out.columns || 80) - 1, 1);
      out.write(`${clear}${cleanOut(dim([...withoutColour(text)].slice(0, width).join('')))}`);
      isDrawn = true;
    } else if (Date.now() - lastWrite >= silenceMs) {
      putOwn(out, cleanOut(`… ${now.text} · ${formatDuration(elapsedMs)}`));
    }
  };
  const timer = setInterval(draw, isLive ? redrawMs : 1000).unref();

  return {
    isJson,
    line: text => putOwn(out, cleanOut(text)),
    tool: text => {
      put(out, cleanOut(text));
      isToolColoured ||= cleanOut === printable && text.includes('\u001b');
    },
    error: text => putOwn(stderr, cleanError(text)),
    status: text => {
      if (text !== now?.text) now = text === undefined ? undefined : { text, since: Date.now() };
      if (text === undefined) wipe();
    },
    data: text => {
      wipe();
      stdout.write(text);
    },
    close: () => {
      wipe();
      now = undefined;
      clearInterval(timer);
    },
  };
}
