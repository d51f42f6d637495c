/** Steps over what HCL writes between its structure: comments, strings with templates, heredocs and bracketed expressions. */

/** What cannot be read is refused, so reading ends here. */
export class Unreadable extends Error {
  readonly at: number;

  constructor(message: string, at: number) {
    super(message);
    this.at = at;
  }
}

const deepest = 100;

export const nameAt = /[\p{ID_Start}_][\p{ID_Continue}-]*/uy;

/** The name that starts at `at`, if one does. */
export function readName(text: string, at: number): string | undefined {
  nameAt.lastIndex = at;
  return nameAt.exec(text)?.[0];
}

/** Behind spaces and comments; behind line ends too where `lines` says so. A comment's own line end is not part of it. */
export function skipSpace(text: string, from: number, lines: boolean): number {
  let at = from;
  for (;;) {
    const next = text[at];
    if (next === ' ' || next === '\t' || next === '\r' || (lines && next === '\n')) at += 1;
    else if (next === '#' || text.startsWith('//', at)) at = endOr(text.indexOf('\n', at), text.length);
    else if (text.startsWith('/*', at)) at = 2 + found(text.indexOf('*/', at + 2), 'a comment is not closed', at);
    else return at;
  }
}

/** Behind an expression: at the comma, line end or closing bracket that ends it, or at the end of the text. */
export function skipExpression(text: string, from: number, depth = 0): number {
  const open: string[] = [];
  let at = from;
  while (at < text.length) {
    at = skipSpace(text, at, false);
    const next = text[at];
    if (next === undefined) break;
    if (next === '"') at = skipQuoted(text, at, depth);
    else if (isHeredoc(text, at)) at = skipHeredoc(text, at, depth);
    else if (closing[next] !== undefined) {
      open.push(closing[next]);
      if (open.length + depth > deepest) throw new Unreadable('it is nested too deeply', at);
      at += 1;
    } else if (open.length === 0 && /[\n,)\]}]/.test(next)) return at;
    else if (next === open.at(-1)) {
      open.pop();
      at += 1;
    } else if (/[)\]}]/.test(next)) throw new Unreadable('a bracket is closed that was not opened', at);
    else at += readName(text, at)?.length ?? 1;
  }
  if (open.length > 0) throw new Unreadable('a bracket is not closed', from);
  return at;
}

const closing: Readonly<Record<string, string>> = { '(': ')', '[': ']', '{': '}' };

/** Behind the string whose quote is at `from`. */
export function skipQuoted(text: string, from: number, depth = 0): number {
  const end = skipTemplate(text, from + 1, depth, at => text[at] === '"' || text[at] === '\n', true);
  if (text[end] !== '"') throw new Unreadable('a string is not closed', from);
  return end + 1;
}

const heredocStart = /<<-?([\p{ID_Start}_][\p{ID_Continue}-]*)\r?\n/uy;

export function isHeredoc(text: string, at: number): boolean {
  heredocStart.lastIndex = at;
  return heredocStart.test(text);
}

/** Where the text of the heredoc at `from` starts, and the line that ends it. */
function heredoc(text: string, from: number): { readonly start: number; readonly isEnd: (at: number) => boolean } {
  heredocStart.lastIndex = from;
  const [all = '', marker = ''] = heredocStart.exec(text) ?? [];
  const line = new RegExp(`[ \\t]*${marker}[ \\t]*\\r?(?=\\n|$)`, 'uy');
  const isEnd = (at: number): boolean => {
    if (text[at - 1] !== '\n') return false;
    line.lastIndex = at;
    return line.test(text);
  };
  return { start: from + all.length, isEnd };
}

/** Behind the marker that ends the heredoc at `from`. */
export function skipHeredoc(text: string, from: number, depth = 0): number {
  const { start, isEnd } = heredoc(text, from);
  const end = skipTemplate(text, start, depth, isEnd, false);
  if (end === text.length) throw new Unreadable('a heredoc is not closed', from);
  return endOr(text.indexOf('\n', end), text.length);
}

/** At the end of a template, over the expressions in it. */
function skipTemplate(
  text: string,
  from: number,
  depth: number,
  isEnd: (at: number) => boolean,
  escapes: boolean,
): number {
  let at = from;
  while (at < text.length && !isEnd(at)) {
    if (escapes && text[at] === '\\') at += 2;
    else if (text.startsWith('$${', at) || text.startsWith('%%{', at)) at += 3;
    else if (text.startsWith('${', at) || text.startsWith('%{', at)) at = skipInterpolation(text, at, depth);
    else at += 1;
  }
  return Math.min(at, text.length);
}

/** Behind the brace that closes the `${` or `%{` at `from`. */
export function skipInterpolation(text: string, from: number, depth = 0): number {
  if (depth > deepest) throw new Unreadable('it is nested too deeply', from);
  let at = from + 2;
  for (;;) {
    at = skipExpression(text, at, depth + 1);
    if (text[at] === '}') return at + 1;
    if (text[at] === undefined) throw new Unreadable('an interpolation is not closed', from);
    if (text[at] !== '\n' && text[at] !== ',') throw new Unreadable('a bracket is closed that was not opened', at);
    at += 1;
  }
}

const endOr = (at: number, end: number): number => (at === -1 ? end : at);

function found(at: number, message: string, from: number): number {
  if (at === -1) throw new Unreadable(message, from);
  return at;
}
