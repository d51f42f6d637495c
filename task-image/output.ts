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
  /** Gives out all of a line but its last piece: where it is cut does not depend on how it came. */
  const cut = async (text: string): Promise<string> => {
    let left = text;
    while (left.length > longestLine) {
      // Not between the two halves of a character.
      const at = /[\ud800-\udbff]/.test(left.charAt(longestLine - 1)) ? longestLine - 1 : longestLine;
      await give(left.slice(0, at));
      left = left.slice(at);
    }
    return left;
  };
  const split = async (text: string): Promise<void> => {
    const lines = (rest + text).split('\n');
    const last = lines.pop() ?? '';
    for (const one of lines) await give(await cut(one));
    rest = await cut(last);
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
