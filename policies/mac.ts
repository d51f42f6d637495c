/** Message authentication codes of records that others keep: HMAC-SHA-256, as hex digits. */
import { createHmac, timingSafeEqual } from 'node:crypto';

export const macOf = (text: string, key: Uint8Array): string => createHmac('sha256', key).update(text).digest('hex');

/** Takes the same time wherever the first difference is. */
export function isMacOf(mac: string, text: string, key: Uint8Array): boolean {
  const [given, right] = [Buffer.from(mac), Buffer.from(macOf(text, key))];
  return given.length === right.length && timingSafeEqual(given, right);
}
