/** Finds private keys (PEM and its relatives) line by line: from BEGIN to END, or as long as the lines look like one. Pure. */
import type { Span } from './span-finder.ts';

/** A key whose END has not come: how the line of its BEGIN began, or that the rest of this line belongs to it. */
export type OpenKey = { readonly prefix: string } | 'rest-of-line';

export interface KeyLine {
  /** From where to where in the line. */
  readonly spans: readonly Span[];
  readonly open: OpenKey | undefined;
}

export const keyMark = '-----BEGIN';
const gap = '(?: |\\+|%20)';
const begin = new RegExp(`${keyMark}${gap}(?:[A-Z0-9]{1,20}${gap}){0,4}PRIVATE${gap}KEY(?:${gap}BLOCK)?-----`, 'g');
const end = new RegExp(`-----END${gap}[A-Z0-9 +%]{1,80}-----`, 'g');
/** What stands in front of a line in plans and diffs. */
const indent = /^\s*(?:[+~-] )?\s*/;
/** Anything else ends the key: a BEGIN alone must not hide what follows it. */
const body = /^["']?(?:[A-Za-z0-9+/=]*|(?:Proc-Type|DEK-Info|Version|Comment): .{0,200})(?:\\[nr])*["',;]*\s*$/;

/** `line` may be the beginning of a longer one. */
export function privateKeyIn(line: string, before: OpenKey | undefined): KeyLine {
  const spans: Span[] = [];
  let open = before;
  let from = open === undefined ? undefined : bodyStart(line, open);
  if (from === undefined) open = undefined;
  let at = 0;
  for (;;) {
    if (from === undefined) {
      begin.lastIndex = at;
      const found = begin.exec(line);
      if (found === null) return { spans, open };
      from = found.index;
      at = begin.lastIndex;
      open = { prefix: line.slice(0, from) };
    }
    end.lastIndex = at;
    const isEnded = end.test(line);
    const to = isEnded ? end.lastIndex : line.length;
    if (to > from) spans.push([from, to]);
    if (!isEnded) return { spans, open: open === 'rest-of-line' ? { prefix: '' } : open };
    at = end.lastIndex;
    from = undefined;
    open = undefined;
  }
}

/** Where the key goes on in this line. */
function bodyStart(line: string, open: OpenKey): number | undefined {
  if (open === 'rest-of-line') return 0;
  const starts = [line.startsWith(open.prefix) ? open.prefix.length : 0, indent.exec(line)?.[0].length ?? 0];
  return starts.find(start => body.test(line.slice(start)) || line.startsWith('-----END', start));
}
