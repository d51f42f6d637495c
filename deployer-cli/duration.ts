/** Reads and writes spans of time as people do. */

const unitsMs = { h: 3_600_000, m: 60_000, s: 1000 } as const;

/** `90s`, `30m`, `1h30m`; nothing for anything else. */
export function parseDuration(text: string): number | undefined {
  const match = /^(?:(\d{1,4})h)?(?:(\d{1,5})m)?(?:(\d{1,6})s)?$/.exec(text);
  const [, h, m, s] = match ?? [];
  const ms = Number(h ?? 0) * unitsMs.h + Number(m ?? 0) * unitsMs.m + Number(s ?? 0) * unitsMs.s;
  return ms > 0 ? ms : undefined;
}

/** `0.4 s`, `41 s`, `3 m 10 s`, `1 h 2 m`. */
export function formatDuration(ms: number): string {
  if (ms < 9950) return `${(ms / 1000).toFixed(1)} s`;
  const seconds = Math.round(ms / 1000);
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} m ${seconds % 60} s`;
  return `${Math.floor(minutes / 60)} h ${minutes % 60} m`;
}
