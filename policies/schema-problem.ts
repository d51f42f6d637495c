/** Says what a schema found wrong, in words: where, what was expected there, and how to fix it. */
import type { TSchema } from 'typebox';
import type { TLocalizedValidationError } from 'typebox/error';
import type { Problem } from './contract/error.ts';
import { quote } from './quote.ts';

export interface SchemaProblem {
  /** Keys and indices from the top; the last one may be a key that is missing. */
  readonly path: readonly string[];
  readonly kind: 'unknown' | 'missing' | 'wrong';
  readonly message: string;
  /** Made from the nearest description in the schema; empty where there is none. */
  readonly fix: string;
}

/** One problem for each place, in the order in which they were found; nothing of the input but its keys. */
export function schemaProblems(schema: TSchema, errors: readonly TLocalizedValidationError[]): SchemaProblem[] {
  const found = new Map<string, SchemaProblem>();
  for (const problem of errors.flatMap(error => read(schema, error, errors))) {
    const place = JSON.stringify(problem.path);
    if (!found.has(place)) found.set(place, problem);
  }
  return [...found.values()];
}

/** All that a schema found wrong as one problem, with the first thing to do about it. `top` names the whole. */
export function schemaRefusal(schema: TSchema, errors: readonly TLocalizedValidationError[], top: string): Problem {
  const problems = schemaProblems(schema, errors);
  const message = problems.map(problem => `${placeName(problem.path, top)} ${problem.message}`).join(', ');
  const first = problems.find(({ fix }) => fix !== '');
  return { code: 'E_SCHEMA', message, ...(first && { fix: first.fix }) };
}

/** `rules[0].allow`, for people. `top` names the whole. */
export function placeName(path: readonly string[], top: string): string {
  if (path.length === 0) return top;
  return quote(path.map((key, at) => (/^\d+$/.test(key) ? `[${key}]` : at === 0 ? key : `.${key}`)).join(''));
}

function read(
  schema: TSchema,
  error: TLocalizedValidationError,
  all: readonly TLocalizedValidationError[],
): SchemaProblem[] {
  const path = pointed(error.instancePath);
  const at = pointed(error.schemaPath);
  switch (error.keyword) {
    case 'required':
      return error.params.requiredProperties.map(key => ({
        path: [...path, key],
        kind: 'missing',
        message: 'is missing',
        fix: advice('add', schema, [...at, 'properties', key]),
      }));
    // A key that no schema knows is reported twice: as a value where none may be, and by its object.
    case 'boolean':
      return [{ path, kind: 'unknown', message: 'is not a key that is known here', fix: 'remove it' }];
    case 'additionalProperties':
      return [];
    // INVARIANT: the checks that are written in code say how to fix it themselves.
    case '~refine': {
      const [text, mark] = [error.params.message, '; fix: '];
      const end = text.indexOf(mark);
      return [{ path, kind: 'wrong', message: text.slice(0, end), fix: text.slice(end + mark.length) }];
    }
    default:
      return [{ path, kind: 'wrong', message: expectation(error, all), fix: advice('give', schema, at) }];
  }
}

function expectation(error: TLocalizedValidationError, all: readonly TLocalizedValidationError[]): string {
  const literals = all.flatMap(other =>
    other.keyword === 'const' && other.instancePath === error.instancePath ? [`\`${other.params.allowedValue}\``] : [],
  );
  if (literals.length > 0) return `must be ${literals.join(' or ')}`;
  switch (error.keyword) {
    case 'type':
      return `must be ${words[String(error.params.type)]}`;
    case 'minimum':
    case 'maximum':
      return `must be ${error.params.comparison} ${error.params.limit}`;
    case 'maxItems':
    case 'maxLength':
      return `is longer than ${error.params.limit}`;
    case 'minItems':
    case 'minLength':
    case 'minProperties':
      return 'must not be empty';
    case 'enum':
      return `must be ${error.params.allowedValues.map(value => `\`${value}\``).join(' or ')}`;
    default:
      return 'does not have the right form';
  }
}

const words: Readonly<Record<string, string>> = {
  array: 'an array',
  boolean: '`true` or `false`',
  integer: 'a whole number',
  object: 'an object',
  string: 'a text',
};

/** A JSON pointer's parts (RFC 6901), or those of its fragment form. */
const pointed = (pointer: string): string[] =>
  pointer
    .split('/')
    .slice(1)
    .map(part => part.replaceAll('~1', '/').replaceAll('~0', '~'));

function advice(verb: string, schema: TSchema, path: readonly string[]): string {
  let node: unknown = schema;
  let nearest = member(node, 'description');
  for (const key of path) {
    node = member(node, key);
    nearest = member(node, 'description') ?? nearest;
  }
  return typeof nearest === 'string' ? `${verb} ${nearest}` : '';
}

const member = (value: unknown, key: string): unknown => Object.getOwnPropertyDescriptor(Object(value), key)?.value;
