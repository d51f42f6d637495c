/** Reads a block of the provider's schema back from the bindings that were generated of it. */

/** As in `terraform providers schema -json`: `string`, `["list", "string"]`, `["set", ["object", {…}]]`. */
export type AttributeType = string | readonly [string, AttributeType | Readonly<Record<string, AttributeType>>];

export interface Attribute {
  readonly type: AttributeType;
  readonly required?: true;
  readonly optional?: true;
  readonly computed?: true;
}

export interface BlockType {
  readonly nesting_mode: 'list' | 'set' | 'single';
  readonly min_items?: number;
  /** Only 1 is told: the bindings do not know of other maxima. */
  readonly max_items?: number;
  readonly block: Block;
}

export interface Block {
  readonly attributes: Readonly<Record<string, Attribute>>;
  readonly block_types?: Readonly<Record<string, BlockType>>;
}

/** `source` is a binding's `index.js`, of one resource or data source. */
export function blockOf(source: string): Block {
  // Without the source map, which has the whole text again.
  const text = source.replace(/^\/\/# sourceMappingURL.*$/m, '');
  const classes = new Map(
    text
      .split(/^(?=class \w+ extends cdktn\.)/m)
      .slice(1)
      .map(part => [/^class (\w+)/.exec(part)?.[1] ?? '', part]),
  );
  const main = [...classes].find(([, body]) => /^class \w+ extends cdktn\.Terraform/.test(body));
  if (main === undefined) throw new Error('no class of a resource or data source');
  return blockIn(main[1], text, classes);
}

function blockIn(body: string, text: string, classes: ReadonlyMap<string, string>): Block {
  const attributes: Record<string, Attribute> = {};
  const blocks: Record<string, BlockType> = {};
  for (const { name, flags, code } of membersOf(body)) {
    const nested = /new (\w+?)(OutputReference|List|Map)\(this, "\w+"(?:, (true|false))?\)/.exec(code);
    const [, struct = '', form, wrapsSet] = nested ?? [];
    if (nested === null) {
      attributes[name] = { type: primitive(code), ...flags };
      continue;
    }
    const inner = () => blockIn(classOf(`${struct}OutputReference`, classes), text, classes);
    const written = declaredType(name, struct, text);
    if (flags.computed || written === undefined) {
      // What is (also) computed is an attribute of objects, even where configuration may write it like a block.
      attributes[name] = {
        type: [wrapsSet === 'true' || written === 'set' ? 'set' : 'list', objectOf(inner())],
        ...flags,
      };
    } else {
      blocks[name] = {
        nesting_mode: written,
        ...(flags.required && { min_items: 1 }),
        ...(form === 'OutputReference' && written !== 'single' && { max_items: 1 }),
        block: inner(),
      };
    }
  }
  return { attributes, ...(Object.keys(blocks).length > 0 && { block_types: blocks }) };
}

type Flags = Pick<Attribute, 'required' | 'optional' | 'computed'>;

/** Every member is announced by a comment: `// timeout - computed: false, optional: true, required: false`. */
function membersOf(body: string): { readonly name: string; readonly flags: Flags; readonly code: string }[] {
  const [, ...parts] = body.split(/^ +\/\/ (?=\w+ - computed: )/m);
  return parts.map(part => {
    const [, name = '', computed, optional, required] =
      /^(\w+) - computed: (true|false), optional: (true|false), required: (true|false)/.exec(part) ?? [];
    const flags: Flags = {
      ...(required === 'true' && { required: true }),
      ...(optional === 'true' && { optional: true }),
      ...(computed === 'true' && { computed: true }),
    };
    return { name, flags, code: part };
  });
}

const primitives: Readonly<Record<string, AttributeType>> = {
  String: 'string',
  Number: 'number',
  Boolean: 'bool',
  StringMap: ['map', 'string'],
  NumberMap: ['map', 'number'],
  BooleanMap: ['map', 'bool'],
};

/** By how the binding reads it; a set is read as a list made of it. */
function primitive(code: string): AttributeType {
  const [, whole, kind = ''] = /(Fn\.tolist\()?this\.get(\w+?)Attribute\('/.exec(code) ?? [];
  const collection = whole === undefined ? 'list' : 'set';
  if (kind === 'List') return [collection, 'string'];
  if (kind === 'NumberList') return [collection, 'number'];
  // What was not read but made, like `new cdktn.StringMap(this, "tags_all")`.
  return primitives[kind || (/new cdktn\.(\w+Map)\(/.exec(code)?.[1] ?? '')] ?? 'dynamic';
}

/** What configuration writes: the binding notes for each block how it nests. */
function declaredType(name: string, struct: string, text: string): BlockType['nesting_mode'] | undefined {
  const note = new RegExp(
    `^ +${name}: \\{\\n.*\\b${struct.charAt(0).toLowerCase()}${struct.slice(1)}ToHclTerraform\\b.*\\n +isBlock: true,\\n +type: "(list|set|struct)"`,
    'm',
  ).exec(text);
  if (note === null) return undefined;
  return note[1] === 'struct' ? 'single' : (note[1] as 'list' | 'set');
}

function objectOf({ attributes, block_types = {} }: Block): AttributeType {
  const nested = Object.entries(block_types).map(([name, { nesting_mode, block }]): [string, AttributeType] => [
    name,
    [nesting_mode, objectOf(block)],
  ]);
  const own = Object.entries(attributes).map(([name, { type }]): [string, AttributeType] => [name, type]);
  return ['object', Object.fromEntries([...own, ...nested])];
}

function classOf(name: string, classes: ReadonlyMap<string, string>): string {
  const body = classes.get(name);
  if (body === undefined) throw new Error(`no class ${name}`);
  return body;
}
