/** Finds in a text, in one pass, every value that was added, in all its forms, and what looks like a token. */
import { Failure } from '../failure.ts';
import { secretForms } from './secret-forms.ts';
import { longestToken, type TokenShape, tokenShapes } from './token-shapes.ts';
import { type WrapFinder, wrapFinder } from './wrapped-lines.ts';

/** From where to where. */
export type Span = readonly [from: number, to: number];

export interface SpanFinder {
  /** Looks for this value in all its forms from now on; `plain` is what is left of a form in cleaned text. */
  readonly add: (value: string) => void;
  /** In a text without colours; but for what is `wrapped`, which is found line by line. */
  readonly find: (text: string) => readonly Span[];
  readonly wrapped: WrapFinder;
}

/** No match is longer: of a text that goes on, this much of its end must be looked at again. */
export const longestMatch = longestToken;

/** A longer form is looked for in pieces of this length: where all of them are, they cover it. */
const pieceLength = 64;
const keyLength = 6;
/** A run that has more to hide is refused: its worker would do nothing else. */
const mostCharacters = 64 * 1024 * 1024;
/** What a word in the tree of words takes, in characters. */
const wordCost = 64;

/** All that begin with the same key. */
interface Pieces {
  readonly all: Set<string>;
  /** Which there are, the longest first. */
  readonly lengths: number[];
}

export function spanFinder(plain: (form: string) => string): SpanFinder {
  // Which three characters something may begin with: hashed, so that most of a text is done with one look each.
  const first = new Uint8Array(65_536);
  const pieces = new Map<string, Pieces>();
  const wrapped = wrapFinder();
  let left = mostCharacters;
  let scratch = Buffer.allocUnsafeSlow(0);
  const shapes = new Map<string, TokenShape>();
  for (const shape of tokenShapes)
    for (const begin of shape.begins) {
      first[hash(begin.charCodeAt(0), begin.charCodeAt(1), begin.charCodeAt(2))] = 1;
      shapes.set(begin.slice(0, 3), shape);
    }

  const addPiece = (piece: string): void => {
    const key = piece.slice(0, keyLength);
    const { all, lengths } = pieces.get(key) ?? { all: new Set(), lengths: [] };
    if (all.size === 0) pieces.set(key, { all, lengths });
    all.add(piece);
    if (!lengths.includes(piece.length)) {
      lengths.push(piece.length);
      lengths.sort((a, b) => b - a);
    }
    first[hash(piece.charCodeAt(0), piece.charCodeAt(1), piece.charCodeAt(2))] = 1;
  };

  /** The end of the longest match that begins here. */
  const formEnd = (text: string, at: number): number => {
    const { all, lengths = [] } = pieces.get(text.slice(at, at + keyLength)) ?? {};
    const found = lengths.find(length => all?.has(text.slice(at, at + length)));
    return found === undefined ? 0 : at + found;
  };

  const spend = (characters: number): void => {
    left -= characters;
    if (left < 0) throw tooMuch;
  };

  return {
    add: value => {
      if (value.length > left) throw tooMuch;
      for (const form of secretForms(value)) {
        const text = plain(form);
        // What lies across lines is hidden line by line.
        if (text.length < keyLength || text.includes('\n')) continue;
        spend(text.length);
        for (const piece of piecesOf(text)) addPiece(piece);
        spend(wrapped.add(text) * wordCost);
      }
    },
    wrapped,

    find: text => {
      const spans: Span[] = [];
      let tokenEnd = 0;
      // Far faster to read than the string itself.
      if (scratch.length < 2 * text.length) scratch = Buffer.allocUnsafeSlow(2 * text.length);
      scratch.write(text, 'utf16le');
      const codes = new Uint16Array(scratch.buffer, 0, text.length);
      let a = 0;
      let b = codes[0] ?? 0;
      let c = codes[1] ?? 0;
      for (let next = 2; next < codes.length; next += 1) {
        a = b;
        b = c;
        c = codes[next] ?? 0;
        if (first[hash(a, b, c)] === 0) continue;
        const at = next - 2;
        const end = formEnd(text, at);
        if (end > 0) spans.push([at, end]);
        if (at < tokenEnd) continue;
        const shape = shapes.get(text.slice(at, at + 3));
        if (shape === undefined) continue;
        shape.pattern.lastIndex = at;
        if (!shape.pattern.test(text)) continue;
        tokenEnd = shape.pattern.lastIndex;
        spans.push([at + (shape.left ?? 0), tokenEnd]);
      }
      return spans;
    },
  };
}

const tooMuch = new Failure(
  'E_LIMIT',
  'the run has more sensitive values than can be masked',
  'mark fewer or smaller values of this stack as sensitive, or divide it',
);

const hash = (a: number, b: number, c: number): number => ((a << 10) ^ (b << 5) ^ c) & 0xffff;

function piecesOf(form: string): string[] {
  if (form.length <= pieceLength) return [form];
  const count = Math.ceil(form.length / pieceLength);
  const starts = Array.from({ length: count }, (_, index) => Math.min(index * pieceLength, form.length - pieceLength));
  return starts.map(start => form.slice(start, start + pieceLength));
}
