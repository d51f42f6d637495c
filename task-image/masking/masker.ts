/** Hides secrets in text that goes out: values that it was told of, in every form, and what looks like a token or a private key. */
import { colours, withoutTricks } from '../../policies/printable.ts';
import { type KeyLine, keyMark, type OpenKey, privateKeyIn } from './private-key-lines.ts';
import { longestMatch, type Span, type SpanFinder, spanFinder } from './span-finder.ts';
import { nothingWrapped, type OpenWraps } from './wrapped-lines.ts';

export const mask = '[masked]';

export interface Masker {
  /** Hides this value from now on; call it before the value is used. A `Failure` when there is more than can be hidden. */
  readonly hide: (value: string) => void;
  /** One text of our own, cleaned and masked. */
  readonly masked: (text: string) => string;
  readonly stream: () => MaskedStream;
}

/** Takes cleaned text as it comes (`withoutTricks`), and gives out what is certainly free of secrets. */
export interface MaskedStream {
  readonly write: (text: string) => string;
  readonly end: () => string;
}

const esc = '\u001b';
const plainOf = (text: string): string => (text.includes(esc) ? text.replaceAll(colours, '') : text);

export function newMasker(): Masker {
  const finder = spanFinder(form => plainOf(withoutTricks(form)));
  const stream = () => maskedStream(finder);
  return {
    // Hiding the mask itself would only make it longer.
    hide: value => {
      if (!mask.includes(value)) finder.add(value);
    },
    masked: text => {
      const { write, end } = stream();
      return write(withoutTricks(text)) + end();
    },
    stream,
  };
}

/** Lines that have come whole go out whole; of one that goes on, its end is kept until no match can begin before it. */
function maskedStream({ find, wrapped }: SpanFinder): MaskedStream {
  let kept = '';
  /** How far what is kept is masked already. */
  let covered = 0;
  let open: Open = nothing;

  /** What lies across lines: in whole lines, and in the beginning of one that goes on. */
  const acrossLines = (text: string, lineStart: number) => {
    const spans: Span[] = [];
    let at = 0;
    const take = (line: string, isWhole: boolean): Open => {
      const key = open.key === undefined && !line.includes(keyMark) ? noKey : privateKeyIn(line, open.key);
      const wraps = isWhole ? wrapped.inLine(line, open.wraps) : wrapped.goOn(line, open.wraps);
      for (const found of [key.spans, wraps.spans]) for (const [from, to] of found) spans.push([at + from, at + to]);
      at += line.length + 1;
      return { key: key.open, wraps: wraps.open };
    };
    for (const line of text.slice(0, lineStart).split('\n').slice(0, -1)) open = take(line, true);
    return { spans, atEnd: lineStart < text.length ? take(text.slice(lineStart), false) : open };
  };

  const go = (text: string, isEnd: boolean): string => {
    const whole = kept + text;
    const plain = plainOf(whole);
    const lineStart = plain.lastIndexOf('\n') + 1;
    const border = isEnd ? plain.length : Math.max(lineStart, plain.length - longestMatch);
    const isCrossing = ([from, to]: Span): boolean => from < border && to > border;
    const mayBeAcross = open.key !== undefined || !wrapped.isEmpty() || plain.includes(keyMark);
    const across = mayBeAcross ? acrossLines(plain, lineStart) : { spans: [], atEnd: nothing };
    const before: readonly Span[] = covered > 0 ? [[-1, covered]] : [];
    const spans = joined([...before, ...find(plain), ...across.spans]);
    if (border > lineStart) {
      const isWithinKey = across.atEnd.key !== undefined && across.spans.some(isCrossing);
      open = { key: isWithinKey ? 'rest-of-line' : undefined, wraps: nothing.wraps };
    }
    covered = Math.max(0, (spans.find(isCrossing)?.[1] ?? 0) - border);
    if (border === plain.length && spans.length === 0) {
      kept = '';
      return whole;
    }
    const cut = rewritten(whole, spans, border, isEnd);
    kept = cut.kept;
    return cut.shown;
  };

  return { write: text => go(text, false), end: () => go('', true) };
}

/** What goes on from one line to the next. */
interface Open {
  readonly key: OpenKey | undefined;
  readonly wraps: OpenWraps;
}
const nothing: Open = { key: undefined, wraps: nothingWrapped.open };
const noKey: KeyLine = { spans: [], open: undefined };

/** In order, and apart from each other. */
function joined(spans: readonly Span[]): readonly Span[] {
  const apart: [number, number][] = [];
  for (const [from, to] of spans.toSorted((a, b) => a[0] - b[0])) {
    const last = apart.at(-1);
    if (last === undefined || from > last[1]) apart.push([from, to]);
    else if (to > last[1]) last[1] = to;
  }
  return apart;
}

/** The text up to the border with masks in the place of spans and all its colours, and what is kept of it. */
function rewritten(
  text: string,
  spans: readonly Span[],
  border: number,
  isEnd: boolean,
): { shown: string; kept: string } {
  let shown = '';
  let plainAt = 0;
  let next = 0;
  /** Copies text without colours, but for what the spans cover. */
  const copy = (part: string): void => {
    const end = plainAt + part.length;
    let at = plainAt;
    while (at < end) {
      const [from, to] = spans[next] ?? [end, end];
      if (at < from) {
        const until = Math.min(from, end);
        shown += part.slice(at - plainAt, until - plainAt);
        at = until;
      } else {
        // A span that began before this text has its mask already.
        if (at === from) shown += mask;
        at = Math.min(to, end);
        if (at === to) next += 1;
      }
    }
    plainAt = end;
  };
  let at = 0;
  for (const found of text.matchAll(colours)) {
    const until = Math.min(found.index, at + border - plainAt);
    copy(text.slice(at, until));
    at = until;
    if (plainAt === border && !isEnd) break;
    shown += found[0];
    at = found.index + found[0].length;
  }
  const last = at + border - plainAt;
  copy(text.slice(at, last));
  return { shown, kept: text.slice(last) };
}
