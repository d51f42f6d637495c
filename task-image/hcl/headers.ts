/** Finds the headers of blocks in HCL source: the parser tells what is in them, but not where they are. */

import type { Place } from './document.ts';
import { readName, skipExpression, skipQuoted, skipSpace, Unreadable } from './lexer.ts';

const deepest = 60;

/** Every block at every depth, in the order of the source. Throws `Unreadable` where the source has no such structure. */
export function blockHeaders(text: string): Place[] {
  const places: Place[] = [];
  const open: (readonly string[])[] = [];
  const names: Map<string, 'argument' | 'block'>[] = [new Map()];
  const line = lineCounter(text);
  let at = 0;
  for (;;) {
    at = skipSpace(text, at, true);
    const inside = open.at(-1) ?? [];
    if (at >= text.length) {
      if (open.length > 0) throw new Unreadable('a block is not closed', text.length);
      return places;
    }
    if (text[at] === '}' && open.length > 0) {
      open.pop();
      names.pop();
      at += 1;
      continue;
    }
    const start = at;
    const name = readName(text, at);
    if (name === undefined) throw new Unreadable('an argument or a block is expected', at);
    at = skipSpace(text, at + name.length, false);
    const kind = text[at] === '=' ? 'argument' : 'block';
    // The parser would put one in place of the other.
    const known = names.at(-1)?.get(name) ?? kind;
    if (known !== kind) throw new Unreadable(`\`${name}\` is a block and an argument`, start);
    names.at(-1)?.set(name, kind);
    if (kind === 'argument') {
      at = skipExpression(text, at + 1);
      if (text[at] !== undefined && text[at] !== '\n' && text[at] !== '}')
        throw new Unreadable('an argument does not end with its line', at);
      continue;
    }
    const { labels, end } = readLabels(text, at);
    const path = [...inside, name, ...labels];
    places.push({ path, line: line(start) });
    open.push(path);
    names.push(new Map());
    if (open.length > deepest) throw new Unreadable('it is nested too deeply', start);
    at = end;
  }
}

/** The labels of a block and where its body starts. */
function readLabels(text: string, from: number): { readonly labels: string[]; readonly end: number } {
  const labels: string[] = [];
  let at = from;
  while (text[at] !== '{') {
    const bare = readName(text, at);
    if (bare === undefined && text[at] !== '"') throw new Unreadable('a block has no body', at);
    const end = bare === undefined ? skipQuoted(text, at) : at + bare.length;
    labels.push(bare ?? unescaped(text.slice(at + 1, end - 1)));
    at = skipSpace(text, end, false);
  }
  return { labels, end: at + 1 };
}

const named: Readonly<Record<string, string>> = { n: '\n', r: '\r', t: '\t', '"': '"', '\\': '\\' };

/** What the inside of a quoted string says. An unknown escape is left as it stands: the parser refuses it. */
export function unescaped(text: string): string {
  return text.replaceAll(
    /\\(?:u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|(.))/gs,
    (all: string, short?: string, long?: string, other?: string) => {
      const code = short ?? long;
      if (code === undefined) return named[other ?? ''] ?? all;
      const point = Number.parseInt(code, 16);
      return point > 0x10ffff ? all : String.fromCodePoint(point);
    },
  );
}

/** Counts line ends up to offsets that only grow. */
export function lineCounter(text: string): (at: number) => number {
  let line = 1;
  let seen = 0;
  return at => {
    for (let next = text.indexOf('\n', seen); next !== -1 && next < at; next = text.indexOf('\n', seen)) {
      line += 1;
      seen = next + 1;
    }
    return line;
  };
}
