/** One configuration file as it was read: a tree of objects, the same for HCL and for JSON, and the lines of its blocks. */

/** Arguments by name; a block is an object, or a list of them, below its type and labels. Templates are texts with `${`. */
export type Body = Readonly<Record<string, unknown>>;

/** Where the block with this type and these labels, below those it lies in, starts. */
export interface Place {
  readonly path: readonly string[];
  readonly line: number;
}

export interface Document {
  readonly body: Body;
  /** In the order of the source: of two blocks with one path, the first is the first in `body` too. */
  readonly places: readonly Place[];
}

export interface Block {
  readonly type: string;
  readonly labels: readonly string[];
  readonly body: Body;
  /** Of its header. */
  readonly line: number;
  readonly document: LocatedDocument;
}

export interface LocatedDocument {
  readonly root: Block;
  readonly lineOf: WeakMap<Body, number>;
}

export function located({ body, places }: Document): LocatedDocument {
  const lineOf = new WeakMap<Body, number>();
  const lines = new Map<string, number[]>();
  // From the end: what is visited first takes the last.
  for (const { path, line } of places.toReversed()) {
    const key = JSON.stringify(path);
    const known = lines.get(key);
    if (known) known.push(line);
    else lines.set(key, [line]);
  }
  const visit = (value: unknown, path: readonly string[]): void => {
    if (Array.isArray(value)) for (const one of value) visit(one, path);
    if (!isBody(value)) return;
    const line = lines.get(JSON.stringify(path))?.pop();
    if (line !== undefined) lineOf.set(value, line);
    for (const [name, inner] of Object.entries(value)) if (typeof inner === 'object') visit(inner, [...path, name]);
  };
  visit(body, []);
  const document = { lineOf } as { lineOf: WeakMap<Body, number>; root: Block };
  document.root = { type: '', labels: [], body, line: 1, document };
  return document;
}

/** The blocks of a type directly in another block, with as many labels as they have by Terraform's schema. */
export function blocks(parent: Block, type: string, labelCount: number): Block[] {
  let found = listed(parent.body[type]).map(value => ({ labels: [] as string[], value }));
  for (let depth = 0; depth < labelCount; depth += 1)
    found = found.flatMap(({ labels, value }) =>
      isBody(value)
        ? Object.entries(value).flatMap(([label, inner]) =>
            listed(inner).map(one => ({ labels: [...labels, label], value: one })),
          )
        : [],
    );
  const { document } = parent;
  return found.map(({ labels, value }) => {
    // What should be a block and is none still counts: nothing is passed over for its form.
    const body = isBody(value) ? value : { '': value };
    return { type, labels, body, line: document.lineOf.get(body) ?? parent.line, document };
  });
}

/** The objects below these names, lists looked through. */
export function bodiesAt(body: Body, path: readonly string[]): Body[] {
  let found: unknown[] = [body];
  for (const name of path)
    found = found.flatMap(value => (isBody(value) && Object.hasOwn(value, name) ? listed(value[name]) : []));
  return found.filter(isBody);
}

export const isBody = (value: unknown): value is Body =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** A list as it is, lists in it too; anything else as the only element; null as none, since Terraform ignores it. */
export function listed(value: unknown): unknown[] {
  if (value === undefined || value === null) return [];
  return Array.isArray(value) ? value.flatMap(listed) : [value];
}

/** Every text below a block, keys too, with the line of the innermost block it stands in. */
export function* texts(block: Block): Generator<{ readonly text: string; readonly line: number }> {
  const { lineOf } = block.document;
  const stack: { value: unknown; line: number }[] = [{ value: block.body, line: block.line }];
  for (let next = stack.pop(); next !== undefined; next = stack.pop()) {
    const { value } = next;
    if (typeof value === 'string') yield { text: value, line: next.line };
    else if (Array.isArray(value)) for (const one of value) stack.push({ value: one, line: next.line });
    else if (isBody(value)) {
      const line = lineOf.get(value) ?? next.line;
      for (const [key, one] of Object.entries(value)) {
        yield { text: key, line };
        stack.push({ value: one, line });
      }
    }
  }
}

/** A text without templates; undefined for whatever is not said outright. */
export const literal = (value: unknown): string | undefined =>
  typeof value === 'string' && !/[$%]\{/.test(value) ? value : undefined;
