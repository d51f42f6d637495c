/** The texts that a template may become: its own, and what the locals and variables say that it names. */
import { type Block, blocks, texts } from '../hcl/document.ts';
import { inner, split, type Template, templatesIn, withoutTexts } from '../hcl/expressions.ts';
import type { Module } from './module.ts';

/** What each local and variable of a module says, by `local.name` and `var.name`. */
export type Names = ReadonlyMap<string, readonly Template[]>;

export function namesOf({ files, values }: Pick<Module, 'files' | 'values'>): Names {
  const names = new Map<string, Template[]>();
  const add = (name: string, block: Block, value: unknown): void => {
    const isWhole = typeof value === 'string';
    const said = names.get(name) ?? [];
    names.set(name, said);
    for (const { text } of texts({ ...block, body: { '': value } })) said.push({ parts: partsOf(text), isWhole });
  };
  for (const { root } of files) {
    for (const block of blocks(root, 'locals', 0))
      for (const [name, value] of Object.entries(block.body)) add(`local.${name}`, block, value);
    for (const block of blocks(root, 'variable', 1)) add(`var.${block.labels[0]}`, block, block.body.default);
  }
  for (const { root } of values) for (const [name, value] of Object.entries(root.body)) add(`var.${name}`, root, value);
  return names;
}

/** How many characters may still be looked at. */
export interface Effort {
  left: number;
}

/** Each name is looked at once. Undefined when the effort is used up. */
export function namedTexts(template: Template, names: Names, effort: Effort): Template[] | undefined {
  const found: Template[] = [];
  const seen = new Set<string>();
  const left: Template[] = [template];
  for (let next = left.pop(); next !== undefined; next = left.pop()) {
    found.push(next);
    effort.left -= next.parts.reduce((sum, { length }) => sum + length, 1);
    if (effort.left < 0) return undefined;
    for (const { text, isWhole } of inner(next)) {
      for (const one of templatesIn(text)) left.push({ ...one, isWhole: isWhole && one.isWhole });
      const rest = withoutTexts(text);
      const isResult = isWhole && !calling.test(rest);
      for (const [, kind, name] of rest.matchAll(reference)) {
        const key = `${kind}.${name}`;
        if (seen.has(`${key} ${isResult}`)) continue;
        seen.add(`${key} ${isResult}`);
        for (const one of names.get(key) ?? []) left.push({ ...one, isWhole: isResult && one.isWhole });
      }
    }
  }
  return found;
}

const calling = /[\w-]\s*\(/;
const reference = /\b(local|var)\s*\.\s*([\p{ID_Start}_][\p{ID_Continue}-]*)/gu;

/** What cannot be taken apart is one text. */
export function partsOf(template: string): readonly string[] {
  try {
    return split(template);
  } catch {
    return [template];
  }
}
