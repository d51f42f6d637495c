/** Does a statement's `Condition` hold for a request? Its operators and keys must all hold. */

import { arnParts } from './arn.ts';
import { type Keys, valueAt, valuesAt } from './context.ts';
import { equals, like, likeArn } from './pattern.ts';
import type { Statement } from './policy-document.ts';

/**
 * Throws at an operator it does not know.
 * https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html
 */
export const holds = (condition: Statement['Condition'] = {}, keys: Keys): boolean =>
  // No short cut: an operator nobody knows must come to light whatever the others say.
  Object.entries(condition)
    .flatMap(([operator, asked]) => Object.entries(asked).map(([key, written]) => test(operator, key, written, keys)))
    .every(Boolean);

function test(operator: string, key: string, written: readonly string[], keys: Keys): boolean {
  if (operator === 'Null') return isAbsent(valuesAt(keys, key) === undefined, written);
  const [, set, name = '', ifExists] = /^(ForAllValues:|ForAnyValue:)?(.+?)(IfExists)?$/.exec(operator) ?? [];
  const compare = Object.hasOwn(comparisons, name) ? comparisons[name] : undefined;
  if (compare === undefined) throw new Error(`unknown operator ${operator}`);
  const negated = name.includes('Not');
  // Negated, none of what is written may match; otherwise one must.
  const matches = (said: string) => written.map(one => compare(one, said, keys)).some(Boolean) !== negated;
  const values = valuesAt(keys, key);
  if (values === undefined) return ifExists !== undefined || (set === undefined ? negated : set === 'ForAllValues:');
  if (set !== undefined) return set === 'ForAllValues:' ? values.every(matches) : values.some(matches);
  return matches(valueAt(keys, key) ?? '');
}

/** A negated operator is here with what it negates. */
const comparisons: Readonly<Record<string, (written: string, said: string, keys: Keys) => boolean>> = {
  StringEquals: equals,
  StringNotEquals: equals,
  StringLike: like,
  StringNotLike: like,
  ArnEquals: arnMatches,
  ArnLike: arnMatches,
  ArnNotEquals: arnMatches,
  ArnNotLike: arnMatches,
  Bool: (written, said) => truth(written) === truth(said),
  NumericEquals: (written, said) => number(said) === number(written),
  NumericLessThan: (written, said) => number(said) < number(written),
  NumericLessThanEquals: (written, said) => number(said) <= number(written),
  NumericGreaterThan: (written, said) => number(said) > number(written),
  NumericGreaterThanEquals: (written, said) => number(said) >= number(written),
};

function arnMatches(written: string, said: string, keys: Keys): boolean {
  return arnParts(said) !== undefined && likeArn(written, said, keys);
}

function isAbsent(absent: boolean, written: readonly string[]): boolean {
  return written.map(one => truth(one) === absent).some(Boolean);
}

function truth(text: string): boolean {
  if (!/^(?:true|false)$/i.test(text)) throw new Error(`${text} is neither true nor false`);
  return text.toLowerCase() === 'true';
}

function number(text: string): number {
  if (!/^-?\d+(?:\.\d+)?$/.test(text)) throw new Error(`${text} is no number`);
  return Number(text);
}
