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
  /** There are more arguments than `args` holds. */
  readonly isCut: boolean;
}

/** More of them in one text are not looked at one by one, nor more of their arguments than this. */
const mostCalls = 500;
export const mostCharacters = 4096;

/**
 * Every call of these functions, wherever it stands in the text: a comment or a text that looks like one counts too.
 * Undefined where there are too many to tell, or the first argument of one is too long. INVARIANT: takes time in proportion to the text.
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
    const isLong = rest.length === mostCharacters;
    // A comment that does not end here may hide anything.
    if (at === rest.length && isLong) return undefined;
    if (rest[at] !== '(') continue;
    const { args, isEnded } = readArguments(rest, at + 1);
    const isCut = isLong && !isEnded;
    if (isCut && args.length === 1) return undefined;
    found.push({ name: name[0], args: isCut ? args.slice(0, -1) : args, isCut });
  }
  return found;
}

/** What is no argument, or does not come to an end in the text, is given out as the last of them. */
function readArguments(text: string, from: number): { readonly args: string[]; readonly isEnded: boolean } {
  const args: string[] = [];
  let start = from;
  try {
    for (;;) {
      start = skipSpace(text, start, true);
      const end = skipLines(text, start);
      if (text[end] !== ')' && text[end] !== ',')
        return { args: [...args, text.slice(start)], isEnded: text[end] !== undefined };
      args.push(text.slice(start, end).trim());
      if (text[end] === ')') return { args, isEnded: true };
      start = end + 1;
    }
  } catch {
    return { args: [...args, text.slice(start)], isEnded: false };
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
  /** The expression may become this text: no function makes something else of it. */
  readonly isWhole: boolean;
}

/** Every text in an expression at every depth; one that cannot be told apart from the rest is given out with it. */
export const templates = (expression: string): Template[] =>
  templatesIn(expression).flatMap(one => [
    one,
    ...inner(one).flatMap(({ text, isWhole }) =>
      templates(text).map(below => ({ ...below, isWhole: isWhole && below.isWhole })),
    ),
  ]);

/** The expressions of a template, and whether it may become what they say. */
export const inner = ({ parts, isWhole }: Template): { readonly text: string; readonly isWhole: boolean }[] =>
  parts.flatMap((text, at) => (at % 2 === 0 ? [] : [{ text, isWhole: isWhole && at === 1 && parts[0] === '' }]));

/** Every text that stands in an expression itself, and not in another text. */
export function templatesIn(expression: string): Template[] {
  const found: Template[] = [];
  /** For each open bracket, whether it is that of a call. */
  const open: boolean[] = [];
  let callsOpen = 0;
  let isNamed = false;
  try {
    for (let at = 0; at < expression.length; ) {
      at = skipSpace(expression, at, true);
      const sign = expression[at] ?? '';
      if (sign === '"' || isHeredoc(expression, at)) {
        const end = sign === '"' ? skipQuoted(expression, at) : skipHeredoc(expression, at);
        found.push({ parts: partsOf(expression.slice(at, end)), isWhole: callsOpen === 0 });
        at = end;
        isNamed = false;
        continue;
      }
      if (/[([{]/.test(sign)) {
        open.push(sign === '(' && isNamed);
        if (open.at(-1)) callsOpen += 1;
      } else if (/[)\]}]/.test(sign) && open.pop()) callsOpen -= 1;
      const name = readName(expression, at);
      isNamed = name !== undefined;
      at += name?.length ?? 1;
    }
  } catch {
    found.push({ parts: [expression], isWhole: false });
  }
  return found;
}

/** Of a text as it is written, in quotes or as a heredoc. */
function partsOf(written: string): string[] {
  const isQuoted = written.startsWith('"');
  const inside = isQuoted
    ? written.slice(1, -1)
    : written.slice(written.indexOf('\n') + 1, written.lastIndexOf('\n')).trim();
  return split(inside).map((part, at) => (at % 2 === 0 && isQuoted ? unescaped(part) : part));
}

/** What a template's expressions are without the texts in them. What cannot be taken apart is given out whole. */
export function between(template: string): string {
  try {
    return split(template)
      .filter((_, at) => at % 2 === 1)
      .map(withoutTexts)
      .join('\n');
  } catch {
    return template;
  }
}

/** An expression without the texts in it. */
export function withoutTexts(expression: string): string {
  let rest = '';
  try {
    for (let at = 0; at < expression.length; ) {
      const next = skipSpace(expression, at, true);
      if (expression[next] === '"') at = skipQuoted(expression, next);
      else if (isHeredoc(expression, next)) at = skipHeredoc(expression, next);
      else {
        rest += next === at ? '' : ' ';
        at = next + (readName(expression, next)?.length ?? 1);
        rest += expression.slice(next, at);
        continue;
      }
      rest += ' ';
    }
    return rest;
  } catch {
    return expression;
  }
}

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
