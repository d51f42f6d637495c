/** How a function of AWS is named as a server: `lambda:`, its name or ARN, and an alias where it is not `live`. */

export interface FunctionAddress {
  /** A name, or the ARN without an alias. */
  readonly name: string;
  readonly alias: string;
  /** Where an ARN says it. */
  readonly region?: string;
}

export const isFunction = (server: string): boolean => server.startsWith('lambda:');

/** What cannot be one is undefined. No version, and not $LATEST: CI may invoke aliases only. */
export function functionAddress(server: string): FunctionAddress | undefined {
  const { prefix = '', region, name, alias = 'live' } = form.exec(server)?.groups ?? {};
  if (name === undefined) return undefined;
  return { name: `${prefix}${name}`, alias, ...(region === undefined ? {} : { region }) };
}

const form =
  /^lambda:(?<prefix>arn:aws[a-z-]*:lambda:(?<region>[a-z0-9-]+):[0-9]{12}:function:)?(?<name>[A-Za-z0-9_-]{1,64})(?::(?<alias>(?![0-9]+$)[A-Za-z0-9_-]{1,128}))?$/;
