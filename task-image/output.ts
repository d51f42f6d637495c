/** Turns a tool's bytes into lines that may be shown: UTF-8 across chunk borders, no terminal tricks, no secrets, no endless line. */
import { inert, withoutTricks } from '../policies/printable.ts';
import type { MaskedStream } from './masking/masker.ts';

const longestLine = 32 * 1024;
/** An escape sequence that is shorter is not cut in two. */
const longestSequence = 128;

/** `write` takes chunks as they come, `end` gives out what has no line end. Lines come without their line end. */
export function lineSplitter(masked: MaskedStream, line: (text: string) => Promise<void> | void) {
  const decoder = new TextDecoder('utf-8');
  /** The line that has not ended yet: as it came, and what of it is free of secrets. */
  let rest = '';
  let ready = '';

  const give = async (clean: string): Promise<void> => {
    const lines = inert(ready + clean).split('\n');
    ready = lines.pop() ?? '';
    for (const one of lines) {
      // Waiting for nothing takes as long as all the rest.
      const taken = line(one.length > longestLine ? await giveLong(one) : one);
      if (taken) await taken;
    }
    ready = await giveLong(ready);
  };

  /** Gives out all of a line but its last piece. */
  const giveLong = async (text: string): Promise<string> => {
    let left = text;
    for (; left.length > longestLine; left = left.slice(cutOf(left))) await line(left.slice(0, cutOf(left)));
    return left;
  };

  const split = async (text: string): Promise<void> => {
    rest += text;
    for (let size = readySize(rest); size > 0; size = readySize(rest)) {
      const clean = withoutTricks(rest.slice(0, size));
      rest = rest.slice(size);
      await give(masked.write(clean));
    }
  };

  return {
    write: (chunk: Uint8Array) => split(decoder.decode(chunk, { stream: true })),
    end: async () => {
      await split(decoder.decode());
      await give(masked.write(withoutTricks(rest)) + masked.end());
      if (ready !== '') await line(ready);
      rest = '';
      ready = '';
    },
  };
}

/** How much can be worked on: all lines that have ended before one that is too long, or a piece of that one. */
function readySize(text: string): number {
  let at = 0;
  for (;;) {
    const next = text.indexOf('\n', at) + 1;
    const isLong = (next === 0 ? text.length : next - 1) - at > longestLine;
    if (isLong) return at > 0 ? at : cutOf(text);
    if (next === 0) return at;
    at = next;
  }
}

/** Where a line is cut does not depend on how it came; not between the halves of a character, nor within a colour. */
function cutOf(text: string): number {
  const at = /[\ud800-\udbff]/.test(text.charAt(longestLine - 1)) ? longestLine - 1 : longestLine;
  const sequence = text.lastIndexOf('\u001b', at - 1);
  return sequence > at - longestSequence ? sequence : at;
}
