/** Finds function calls and texts in the templates of a document. What it cannot take apart it gives out whole. */
import { unescaped } from './headers.ts';
import {
  isHeredoc,
  nameAt,
  readName,
  skipExpression,
  skipHeredoc,
  skipInterpolation,
  skipQuoted,
  skipSpace,
} from './lexer.ts';

export interface Call {
  /** Without a namespace: `core::file` is `file`. */
  readonly name: string;
  readonly args: readonly string[];
}

/** More of them in one text are not looked at one by one, nor arguments longer than this. */
const mostCalls = 500;
const mostCharacters = 4096;

/**
 * Every call of these functions, wherever it stands in the text: a comment or a text that looks like one counts too.
 * Undefined where there are too many to tell. INVARIANT: takes time in proportion to the text.
 */
export function calls(text: string, wanted: RegExp): Call[] | undefined {
  const start = text.search(/[$%]\{/);
  if (start === -1) return [];
  const found: Call[] = [];
  let seen = 0;
  const names = new RegExp(nameAt.source, 'gu');
  names.lastIndex = start;
  for (let name = names.exec(text); name !== null; name = names.exec(text)) {
    if (!wanted.test(name[0])) continue;
    seen += 1;
    if (seen > mostCalls) return undefined;
    const rest = text.slice(names.lastIndex, names.lastIndex + mostCharacters);
    const at = attempt(() => skipSpace(rest, 0, true)) ?? rest.length;
    if (rest[at] === '(') found.push({ name: name[0], args: readArguments(rest, at + 1) });
    // A comment that does not end here may hide anything.
    else if (at === rest.length && rest.length === mostCharacters) return undefined;
  }
  return found;
}

function readArguments(text: string, from: number): string[] {
  const args: string[] = [];
  try {
    for (let at = from; ; at += 1) {
      const start = skipSpace(text, at, true);
      at = skipLines(text, start);
      args.push(text.slice(start, at).trim());
      if (text[at] === ')') return args;
      if (text[at] !== ',') return [text.slice(from)];
    }
  } catch {
    return [text.slice(from)];
  }
}

/** Between brackets a line end ends nothing. */
function skipLines(text: string, from: number): number {
  let at = skipExpression(text, from);
  while (text[at] === '\n') at = skipExpression(text, at + 1);
  return at;
}

/** A text in an expression: what it says outright, and the expressions between. */
export interface Template {
  /** Texts and expressions in turn, a text first. */
  readonly parts: readonly string[];
}

/** Every text in an expression at every depth; one that cannot be told apart from the rest is given out with it. */
export function templates(expression: string): Template[] {
  const found: Template[] = [];
  try {
    for (let at = 0; at < expression.length; ) {
      at = skipSpace(expression, at, true);
      const isQuoted = expression[at] === '"';
      if (!isQuoted && !isHeredoc(expression, at)) {
        at += readName(expression, at)?.length ?? 1;
        continue;
      }
      const end = isQuoted ? skipQuoted(expression, at) : skipHeredoc(expression, at);
      const inside = isQuoted
        ? expression.slice(at + 1, end - 1)
        : expression.slice(expression.indexOf('\n', at) + 1, expression.lastIndexOf('\n', end - 1)).trim();
      const parts = split(inside).map((part, index) => (index % 2 === 0 && isQuoted ? unescaped(part) : part));
      found.push({ parts }, ...parts.filter((_, index) => index % 2 === 1).flatMap(templates));
      at = end;
    }
  } catch {
    found.push({ parts: [expression] });
  }
  return found;
}

/** Whether an expression is one text and nothing else. */
export const isText = (expression: string): boolean =>
  isHeredoc(expression, 0) ||
  (expression.startsWith('"') && attempt(() => skipQuoted(expression, 0)) === expression.length);

/** A template's texts and expressions in turn. Throws `Unreadable` where an expression does not end. */
export function split(template: string): string[] {
  const parts: string[] = [];
  let text = 0;
  for (let at = 0; at < template.length; ) {
    if (template.startsWith('$${', at) || template.startsWith('%%{', at)) at += 3;
    else if (template.startsWith('${', at) || template.startsWith('%{', at)) {
      const end = skipInterpolation(template, at);
      parts.push(
        template.slice(text, at),
        template
          .slice(at + 2, end - 1)
          .replace(/^~|~$/g, '')
          .trim(),
      );
      text = end;
      at = end;
    } else at += 1;
  }
  return [...parts, template.slice(text)];
}

function attempt<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}
