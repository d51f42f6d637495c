/** A second reader of strict JSON, written from RFC 8259 alone: refuses what two readers could understand in two ways. */

/** The value, or `malformed`. Objects have no prototype, so that no key means anything special. */
export function naiveJson(bytes: Uint8Array): { readonly value: unknown } | 'malformed' {
  const text = Buffer.from(bytes).toString('utf8');
  if (!Buffer.from(text, 'utf8').equals(bytes)) return 'malformed';
  const reader = { text, at: 0 };
  try {
    const value = readValue(reader, 16);
    return take(reader, /[ \t\r\n]*$/y) === undefined ? 'malformed' : { value };
  } catch (error) {
    if (error === malformed) return 'malformed';
    throw error;
  }
}

interface Reader {
  readonly text: string;
  at: number;
}

const malformed = Symbol('malformed');
const fail = (): never => {
  throw malformed;
};

function take(reader: Reader, token: RegExp): string | undefined {
  token.lastIndex = reader.at;
  const [found] = token.exec(reader.text) ?? [];
  if (found !== undefined) reader.at += found.length;
  return found;
}

const sign = (reader: Reader): string | undefined => take(reader, /[ \t\r\n]*[[\]{}:,]/y)?.trim();

function readValue(reader: Reader, depth: number): unknown {
  const literal = take(reader, /[ \t\r\n]*(?:true|false|null|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?)/y);
  if (literal !== undefined) return JSON.parse(literal);
  const text = readText(reader);
  if (text !== undefined) return text;
  const opened = sign(reader);
  if (depth === 0) fail();
  if (opened === '[') return readArray(reader, depth);
  return opened === '{' ? readObject(reader, depth) : fail();
}

function readText(reader: Reader): string | undefined {
  const written = take(reader, /[ \t\r\n]*"(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"/y);
  if (written === undefined) return undefined;
  const text: string = JSON.parse(written);
  return text.isWellFormed() ? text : fail();
}

function readArray(reader: Reader, depth: number): unknown[] {
  const values: unknown[] = [];
  if (take(reader, /[ \t\r\n]*\]/y) !== undefined) return values;
  for (;;) {
    values.push(readValue(reader, depth - 1));
    const next = sign(reader);
    if (next === ']') return values;
    if (next !== ',') fail();
  }
}

function readObject(reader: Reader, depth: number): Record<string, unknown> {
  const object: Record<string, unknown> = Object.create(null);
  if (take(reader, /[ \t\r\n]*\}/y) !== undefined) return object;
  for (;;) {
    const key = readText(reader) ?? fail();
    if (key in object || sign(reader) !== ':') fail();
    object[key] = readValue(reader, depth - 1);
    const next = sign(reader);
    if (next === '}') return object;
    if (next !== ',') fail();
  }
}
