/** Finds out of Terraform's own encoding of a plan which backend an apply of it writes to (planfile.proto, msgpack). */

export interface PlannedBackend {
  readonly type: string;
  /** The settings that are set. */
  readonly config: Readonly<Record<string, unknown>>;
  readonly workspace: string;
}

/** The numbers of fields in planfile.proto, which Terraform and OpenTofu share. */
const planBackend = 13;
const [backendType, backendConfig, backendWorkspace] = [1, 2, 3];
const valueMsgpack = 1;

/** Undefined where it is not said exactly once, in full. */
export function readBackend(plan: Buffer): PlannedBackend | undefined {
  try {
    const backend = only(plan, planBackend);
    const config = unpack(only(only(backend, backendConfig), valueMsgpack));
    if (typeof config !== 'object' || config === null || Array.isArray(config)) return undefined;
    const set = Object.entries(config).filter(([, value]) => value !== null);
    return {
      type: only(backend, backendType).toString('utf8'),
      config: Object.fromEntries(set),
      workspace: only(backend, backendWorkspace).toString('utf8'),
    };
  } catch {
    return undefined;
  }
}

/** The bytes of a field that a message has once: of several, readers take the last one, or all of them together. */
function only(message: Buffer, field: number): Buffer {
  const found = [...fields(message)].filter(([number]) => number === field);
  const [one] = found;
  if (one?.[1] === undefined || found.length > 1) throw new Error('the field is not there exactly once');
  return one[1];
}

/** Fields of a protobuf message with their bytes, where they have some. */
function* fields(message: Buffer): Generator<readonly [number, Buffer | undefined]> {
  let at = 0;
  const varint = (): number => {
    for (let value = 0, scale = 1; scale < 2 ** 49; scale *= 128) {
      const byte = message.readUInt8(at);
      at += 1;
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return value;
    }
    throw new Error('the number is too long');
  };
  const bytes = (size: number): Buffer => {
    if (at + size > message.length) throw new Error('the message is cut short');
    at += size;
    return message.subarray(at - size, at);
  };
  while (at < message.length) {
    const tag = varint();
    const number = Math.floor(tag / 8);
    const kind = tag % 8;
    if (kind === 0) {
      // Larger than what is read above it may be: it is only stepped over.
      while (message.readUInt8(at) >= 0x80) at += 1;
      at += 1;
      yield [number, undefined];
    } else if (kind === 1 || kind === 5) {
      bytes(kind === 1 ? 8 : 4);
      yield [number, undefined];
    } else if (kind === 2) yield [number, bytes(varint())];
    else throw new Error('the kind of the field is not known');
  }
}

/** Of values in values: what is read must be written again, to be compared. */
const mostDepth = 100;

/** One value of MessagePack, and nothing behind it. What is not known before the apply has no value here. */
function unpack(text: Buffer): unknown {
  let at = 0;
  const take = (size: number): number => {
    at += size;
    return at - size;
  };
  const uint = (size: number): number => text.readUIntBE(take(size), size);
  const string = (size: number): string => {
    if (at + size > text.length) throw new Error('the text is cut short');
    const start = take(size);
    return text.toString('utf8', start, at);
  };
  const list = (size: number): unknown[] => {
    const items: unknown[] = [];
    while (items.length < size) items.push(value());
    return items;
  };
  const map = (size: number): Record<string, unknown> => {
    const entries = new Map<string, unknown>();
    for (let left = size; left > 0; left -= 1) {
      const key = value();
      if (typeof key !== 'string' || entries.has(key)) throw new Error('the key is none, or there twice');
      entries.set(key, value());
    }
    return Object.fromEntries(entries);
  };
  let depth = 0;
  const value = (): unknown => {
    depth += 1;
    if (depth > mostDepth) throw new Error('the value is too deep');
    const found = content();
    depth -= 1;
    return found;
  };
  const content = (): unknown => {
    const head = uint(1);
    if (head < 0x80) return head;
    if (head < 0x90) return map(head & 0x0f);
    if (head < 0xa0) return list(head & 0x0f);
    if (head < 0xc0) return string(head & 0x1f);
    if (head >= 0xe0) return head - 0x100;
    const read = sized[head];
    if (read === undefined) throw new Error('the value is of a kind that settings are not');
    return read();
  };
  const sized: Readonly<Record<number, () => unknown>> = {
    192: () => null,
    194: () => false,
    195: () => true,
    202: () => text.readFloatBE(take(4)),
    203: () => text.readDoubleBE(take(8)),
    204: () => uint(1),
    205: () => uint(2),
    206: () => uint(4),
    207: () => Number(text.readBigUInt64BE(take(8))),
    208: () => text.readInt8(take(1)),
    209: () => text.readInt16BE(take(2)),
    210: () => text.readInt32BE(take(4)),
    211: () => Number(text.readBigInt64BE(take(8))),
    217: () => string(uint(1)),
    218: () => string(uint(2)),
    219: () => string(uint(4)),
    220: () => list(uint(2)),
    221: () => list(uint(4)),
    222: () => map(uint(2)),
    223: () => map(uint(4)),
  };
  const whole = value();
  if (at !== text.length) throw new Error('something is behind the value');
  return whole;
}
