/** Compares what is said today with what was said before. Pure. */

/** What programs decide by: these must be the very same. */
const decisive: ReadonlySet<string> = new Set([
  ...['state', 'phase', 'command', 'mode', 'exitCode', 'code', 'outcome', 'stop', 'kind', 'action'],
  ...[
    'keepPlan',
    'hasChanges',
    'terraformStarted',
    'position',
    'worker',
    'leaseMs',
    'heartbeatMs',
    'graceMs',
    'cursor',
  ],
]);

/** Where something has vanished, changed its kind, or is decided differently; what was added is nothing. */
export function broken(before: unknown, now: unknown, at = ''): string[] {
  const [was, is] = [kindOf(before), kindOf(now)];
  if (was !== is) return [`${at}: ${was} before, ${is} now`];
  if (Array.isArray(before) && Array.isArray(now)) {
    if (now.length < before.length) return [`${at}: ${before.length} before, ${now.length} now`];
    return before.flatMap((one, index) => broken(one, now[index], `${at}[${index}]`));
  }
  if (was === 'object')
    return Object.entries(before as object).flatMap(([name, value]) =>
      broken(value, (now as Record<string, unknown>)[name], `${at}.${name}`),
    );
  const name = at.split('.').at(-1) ?? '';
  return decisive.has(name) && before !== now ? [`${at}: ${before} before, ${now} now`] : [];
}

function kindOf(value: unknown): string {
  if (value === undefined) return 'nothing';
  if (value === null) return 'null';
  return Array.isArray(value) ? 'array' : typeof value;
}

/** The names that random things had before, and have now: ids, keys, tokens and tickets, wherever they are said. */
export function renamed(before: unknown, now: unknown): [string, string][] {
  if (typeof before !== 'object' || typeof now !== 'object' || before === null || now === null) return [];
  return Object.entries(before).flatMap(([name, value]): [string, string][] => {
    const other = (now as Record<string, unknown>)[name];
    const isName = ['id', 'run', 'runKey', 'token', 'planId'].includes(name);
    return isName && typeof value === 'string' && typeof other === 'string' ? [[value, other]] : renamed(value, other);
  });
}
