/** Finds values whose words a tool has wrapped: the end of one line, whole lines, the beginning of the last. Pure. */
import type { Span } from './span-finder.ts';

export interface WrapFinder {
  /** Looks for this form from now on; says of how many words it consists. */
  readonly add: (form: string) => number;
  readonly isEmpty: () => boolean;
  /** Where values that were open at the end of the line before go on in this one, which may be the beginning of a longer. */
  readonly goOn: (line: string, before: OpenWraps) => WrappedLine;
  /** As `goOn`, and where values begin that go on in the next line. */
  readonly inLine: (line: string, before: OpenWraps) => WrappedLine;
}

/** How far the values have come that may go on in the next line. */
export type OpenWraps = ReadonlySet<number>;

export interface WrappedLine {
  readonly spans: readonly Span[];
  readonly open: OpenWraps;
}

export const nothingWrapped: WrappedLine = { spans: [], open: new Set() };

/** Shorter ones are the end of many lines that have nothing to do with the value. */
const shortestBegin = 6;
/** Nobody wraps at more columns. */
const columns = 160;
/** What Terraform puts before the lines of a diagnostic, and what indents. */
const frame = /^[\s╷│╵]*/;

export function wrapFinder(): WrapFinder {
  // A tree of words: each number is a place in it, each key a place and the word that leads on from there.
  const root = 0;
  let places = root;
  const next = new Map<string, number>();
  const lasts = new Set<number>();
  const inner = new Set<string>();
  const innerEnds = new Set<number>();
  const firstLengths = new Set<number>();
  const lastLengths = new Set<number>();
  const after = (place: number, word: string): number | undefined => next.get(`${place} ${word}`);

  /** Follows values from word to word: to the end of one, or to the end of the line. */
  const follow = (from: number, line: string, start: number): { end: number; open?: number } => {
    let place = from;
    let end = start;
    for (const { 0: word, index } of line.slice(start).matchAll(/[^ \t]+/g)) {
      const at = start + index;
      // Anything may stand behind a last word.
      for (const length of lastLengths)
        if (length <= word.length && lasts.has(after(place, word.slice(0, length)) ?? root))
          end = Math.max(end, at + length);
      const onward = after(place, word);
      if (onward === undefined) return { end };
      place = onward;
    }
    return { end: line.trimEnd().length, open: place };
  };

  const goOn: WrapFinder['goOn'] = (line, before) => {
    if (before.size === 0) return nothingWrapped;
    const spans: Span[] = [];
    const open = new Set<number>();
    const start = frame.exec(line)?.[0].length ?? 0;
    const seen = line.slice(0, start + columns);
    for (const place of before) {
      const found = follow(place, seen, start);
      if (found.end > start) spans.push([start, found.end]);
      if (found.open !== undefined && seen === line) open.add(found.open);
    }
    return { spans, open };
  };

  /** Where anything may stand before it, a first word ends here. */
  const firstWords = (word: string): [length: number, place: number][] =>
    [...firstLengths].flatMap(length => {
      const place = length <= word.length ? after(root, word.slice(-length)) : undefined;
      return place === undefined ? [] : [[length, place]];
    });

  return {
    add: form => {
      const words = form.split(/[ \t]+/).filter(word => word !== '');
      if (words.length < 2) return 0;
      let place = root;
      for (const word of words) {
        const key = `${place} ${word}`;
        place = next.get(key) ?? ++places;
        next.set(key, place);
      }
      lasts.add(place);
      for (const word of words.slice(0, -1)) {
        inner.add(word);
        innerEnds.add(word.charCodeAt(word.length - 1));
      }
      firstLengths.add(words[0]?.length ?? 0);
      lastLengths.add(words.at(-1)?.length ?? 0);
      return words.length;
    },
    isEmpty: () => places === root,
    goOn,
    inLine: (line, before) => {
      const { spans, open } = goOn(line, before);
      const lineEnd = line.trimEnd().length;
      // Most lines end with no word of a value: they are told as fast as can be.
      if (!innerEnds.has(line.charCodeAt(lineEnd - 1))) return { spans, open };
      const last = line.slice(
        Math.max(line.lastIndexOf(' ', lineEnd - 1), line.lastIndexOf('\t', lineEnd - 1)) + 1,
        lineEnd,
      );
      if (!inner.has(last) && firstWords(last).length === 0) return { spans, open };
      const from = Math.max(0, lineEnd - columns);
      const words = line.slice(from, lineEnd).matchAll(/[^ \t]+/g);
      const begins: Span[] = [];
      const opened = new Set(open);
      for (const { 0: word, index } of words) {
        const wordEnd = from + index + word.length;
        for (const [length, place] of firstWords(word)) {
          const found = follow(place, line.slice(0, lineEnd), wordEnd);
          if (found.open === undefined) continue;
          opened.add(found.open);
          if (lineEnd - wordEnd + length >= shortestBegin) begins.push([wordEnd - length, lineEnd]);
        }
      }
      return { spans: [...spans, ...begins], open: opened };
    },
  };
}
