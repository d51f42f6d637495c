/** Texts of a policy with their variables and wildcards, compared with what a request says. */
import { arnParts } from './arn.ts';
import { type Keys, valueAt } from './context.ts';

/** What a policy writes, `${aws:PrincipalTag/…}` filled in, is this very text. */
export const equals = (written: string, said: string, keys: Keys): boolean =>
  pieces(written, keys)
    .map(({ text }) => text)
    .join('') === said;

/** The same where `*` stands for any text and `?` for any one character; what a variable brings in stays literal. */
export function like(written: string, said: string, keys: Keys): boolean {
  const source = pieces(written, keys).map(({ text, literal }) =>
    literal ? escaped(text) : [...text].map(character => wildcards[character] ?? escaped(character)).join(''),
  );
  return new RegExp(`^${source.join('')}$`, 'u').test(said);
}

const escaped = (text: string): string => text.replaceAll(/[\\^$.*+?()[\]{}|/]/g, '\\$&');

const wildcards: Readonly<Record<string, string>> = { '*': '[^]*', '?': '[^]' };

/**
 * Each of the six parts of an ARN for itself; only in the last one a `*` may reach over a colon, and only there
 * variables are known. https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_resource.html
 */
export function likeArn(written: string, said: string, keys: Keys): boolean {
  if (written === '*') return true;
  const [parts, others] = [arnParts(written), arnParts(said)];
  if (parts === undefined) throw new Error(`${written} is no ARN`);
  if (parts.slice(0, 5).some(part => part.includes('$')))
    throw new Error(`a variable before the last part: ${written}`);
  return others?.every((other, at) => like(parts[at] ?? '', other, keys)) ?? false;
}

/** Throws at a variable that the request has no value for, where AWS would skip the statement, a denial too. */
function pieces(written: string, keys: Keys): readonly { readonly text: string; readonly literal: boolean }[] {
  return written.split(/(\$\{[^}]*\})/).map((text, at) => {
    if (at % 2 === 0) {
      if (text.includes('${')) throw new Error(`a variable without its end: ${written}`);
      return { text, literal: false };
    }
    const name = text.slice(2, -1);
    if (['*', '?', '$'].includes(name)) return { text: name, literal: true };
    const value = valueAt(keys, name);
    if (value === undefined) throw new Error(`no value for the variable ${text}`);
    return { text: value, literal: true };
  });
}
