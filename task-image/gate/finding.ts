/** What the gate has found: where, which rule, why it matters, and what to do. */
import type { GateRule } from '../../policies/contract/gate.ts';
import { quote } from '../../policies/quote.ts';
import type { Block } from '../hcl/document.ts';

/** Rules that a setting of their own governs, or none. */
type SettledRule =
  | 'provider'
  | 'module-source'
  | 'backend'
  | 'backend-credentials'
  | 'remote-state'
  | 'override'
  | 'terragrunt'
  | 'unparsable';

export interface Finding {
  /** From the repository's root. */
  readonly file: string;
  /** Of the header of the block. */
  readonly line: number;
  readonly rule: GateRule | SettledRule;
  readonly what: string;
  readonly why: string;
  readonly fix: string;
}

/** A finding of a rule that an admin may switch off. */
export const tunable = (file: string, block: Block, rule: GateRule, why: string, what = header(block)): Finding => ({
  file,
  line: block.line,
  rule,
  what,
  why,
  fix: `remove it, or have an admin add \`gate: {allow: [${rule}]}\` for this path`,
});

export const finding = (
  file: string,
  block: Block,
  rule: SettledRule,
  why: string,
  fix: string,
  what = header(block),
): Finding => ({ file, line: block.line, rule, what, why, fix });

/** `data "external" "who"`, whatever is in the labels. */
export const header = ({ type, labels }: Block): string =>
  [type, ...labels.map(label => quote(label).replaceAll('`', '"'))].join(' ');

/** By place, each once. */
export function sorted(findings: readonly Finding[]): Finding[] {
  const order = (a: Finding, b: Finding): number =>
    compare(a.file, b.file) || a.line - b.line || compare(a.rule, b.rule) || compare(a.what, b.what);
  const unique = new Map(findings.map(one => [JSON.stringify([one.file, one.line, one.rule, one.what, one.why]), one]));
  return [...unique.values()].sort(order);
}

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);
