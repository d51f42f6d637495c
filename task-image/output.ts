/** Turns a tool's bytes into lines that may be shown: UTF-8 across chunk borders, no endless line, no terminal tricks. */
import { printable } from '../policies/printable.ts';

const longestLine = 32 * 1024;

/** `write` takes chunks as they come, `end` gives out what has no line end. Lines come without their line end. */
export function lineSplitter(line: (text: string) => Promise<void> | void) {
  const decoder = new TextDecoder('utf-8');
  let rest = '';
  const give = async (text: string): Promise<void> => {
    await line(printable(text));
  };
  const split = async (text: string): Promise<void> => {
    const lines = (rest + text).split('\n');
    rest = lines.pop() ?? '';
    for (const one of lines) await give(one);
    while (rest.length > longestLine) {
      await give(rest.slice(0, longestLine));
      rest = rest.slice(longestLine);
    }
  };
  return {
    write: (chunk: Uint8Array) => split(decoder.decode(chunk, { stream: true })),
    end: async () => {
      await split(decoder.decode());
      if (rest !== '') await give(rest);
      rest = '';
    },
  };
}
