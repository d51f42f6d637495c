/** Takes apart the few templates that need no knowledge of HCL: plain text, and calls of functions with such templates. */

export type Part = string | { readonly call: string; readonly args: readonly Template[] };
export type Template = readonly Part[];

const longest = 1024;

/**
 * Undefined for anything else: escapes, markers, operators, references, comments. INVARIANT: what is taken apart has
 * one meaning, and the text around calls is what it becomes.
 */
export function parseTemplate(text: string): Template | undefined {
  if (text.length > longest) return undefined;
  const rest = { text };
  const template = readTemplate(rest);
  return rest.text === '' ? template : undefined;
}

/** What is still to be read. */
interface Rest {
  text: string;
}

function readTemplate(rest: Rest): Template | undefined {
  const parts: Part[] = [];
  for (;;) {
    const plain = take(rest, /^[\w.+=@/ -]+/);
    if (plain !== undefined) parts.push(plain);
    else if (take(rest, /^\$\{\s*/) === undefined) return parts;
    else {
      const inner = readExpression(rest);
      if (inner === undefined || take(rest, /^\s*\}/) === undefined) return undefined;
      parts.push(...inner);
    }
  }
}

function readExpression(rest: Rest): Template | undefined {
  if (take(rest, /^"/) !== undefined) {
    const text = readTemplate(rest);
    return take(rest, /^"/) === undefined ? undefined : text;
  }
  const call = take(rest, /^[a-z_]+(?=\()/);
  return call === undefined ? undefined : readCall(rest, call);
}

function readCall(rest: Rest, call: string): Template | undefined {
  const args: Template[] = [];
  take(rest, /^\(\s*/);
  while (take(rest, /^\)/) === undefined) {
    const argument = readExpression(rest);
    if (argument === undefined || take(rest, /^\s*(?:,\s*|(?=\)))/) === undefined) return undefined;
    args.push(argument);
  }
  return [{ call, args }];
}

function take(rest: Rest, pattern: RegExp): string | undefined {
  const [found] = pattern.exec(rest.text) ?? [];
  if (found !== undefined) rest.text = rest.text.slice(found.length);
  return found;
}
