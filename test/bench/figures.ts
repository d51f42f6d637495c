/** Turns measured times into the figures that the bench prints: medians, ranges and bars. */

export interface Summary {
  readonly median: number;
  readonly min: number;
  readonly max: number;
}

export function summary(values: readonly number[]): Summary {
  const sorted = values.toSorted((a, b) => a - b);
  const [min = 0] = sorted;
  const middle = (sorted.length - 1) / 2;
  const lower = sorted[Math.floor(middle)] ?? 0;
  const upper = sorted[Math.ceil(middle)] ?? 0;
  return { median: (lower + upper) / 2, min, max: sorted.at(-1) ?? 0 };
}

/** e.g. `0.52 s (0.49–0.61)`, from milliseconds. */
export function inSeconds({ median, min, max }: Summary): string {
  return `${seconds(median)} s (${seconds(min)}–${seconds(max)})`;
}

/** A bar of `#`, at most `width` long for `longest`, and never empty for something that took time. */
export function bar(value: number, longest: number, width = 50): string {
  return '#'.repeat(value > 0 ? Math.max(1, Math.round((value / longest) * width)) : 0);
}

/** Columns that line up; the first is text, the others are figures. */
export function table(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map(row => (row[column] ?? '').length)));
  const cell = (text: string, column: number) =>
    column === 0 ? text.padEnd(widths[column] ?? 0) : text.padStart(widths[column] ?? 0);
  return rows.map(row => row.map(cell).join('   ')).join('\n');
}

const seconds = (ms: number) => (ms / 1000).toFixed(2);
