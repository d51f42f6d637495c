/** What a plan would do, from Terraform's own JSON and from the plan file: counts, addresses, versions, state serial. */
import { inflateRawSync } from 'node:zlib';
import type { Change, Counts } from '../policies/contract/run.ts';

export interface PlanSummary {
  readonly counts: Counts;
  readonly changes: readonly Change[];
  readonly version?: string;
}

interface PlanJson {
  readonly terraform_version?: string;
  readonly resource_changes?: readonly {
    readonly address: string;
    readonly change: { readonly actions: readonly string[] };
  }[];
}

/** What fits into a report, whatever the addresses are called, and as many as the contract lets one hold. */
const changesCharacters = 150_000;
const maxChanges = 2000;

/** `show -json` of a plan; data sources that are read later and no-ops are no changes. */
export function planSummary(json: unknown): PlanSummary {
  const { resource_changes = [], terraform_version } = json as PlanJson;
  const counts: Counts = { create: 0, update: 0, delete: 0, replace: 0 };
  const changes: Change[] = [];
  let size = 0;
  for (const { address, change } of resource_changes) {
    const action = actionOf(change.actions);
    if (action === undefined) continue;
    counts[action] += 1;
    size += address.length + 40;
    const fits = size <= changesCharacters && changes.length < maxChanges;
    if (fits && address.length <= 1024) changes.push({ address, action });
  }
  return { counts, changes, ...(terraform_version === undefined ? {} : { version: terraform_version }) };
}

function actionOf(actions: readonly string[]): Change['action'] | undefined {
  if (actions.length === 2) return 'replace';
  const [action] = actions;
  if (action === 'create' || action === 'update' || action === 'delete') return action;
  return undefined;
}

/** Lineage and serial of the state a plan was made from: the `tfstate` entry of the plan file, which is a zip archive. */
export function plannedState(planFile: Buffer): { lineage?: string; before?: number } {
  const entry = zipEntry(planFile, 'tfstate');
  if (entry === undefined) return {};
  const { lineage, serial } = JSON.parse(entry.toString('utf8')) as { lineage?: string; serial?: number };
  return { ...(lineage ? { lineage } : {}), ...(serial === undefined ? {} : { before: serial }) };
}

/** One entry of a zip archive, found by its central directory (APPNOTE 4.3); no zip64, which plan files are not. */
function zipEntry(zip: Buffer, name: string): Buffer | undefined {
  const end = zip.lastIndexOf(Buffer.from([0x50, 0x4b, 5, 6]));
  if (end < 0) return undefined;
  let at = zip.readUInt32LE(end + 16);
  for (let left = zip.readUInt16LE(end + 10); left > 0; left -= 1) {
    const nameLength = zip.readUInt16LE(at + 28);
    if (zip.toString('utf8', at + 46, at + 46 + nameLength) === name) {
      const header = zip.readUInt32LE(at + 42);
      const start = header + 30 + zip.readUInt16LE(header + 26) + zip.readUInt16LE(header + 28);
      const packed = zip.subarray(start, start + zip.readUInt32LE(at + 20));
      return zip.readUInt16LE(at + 10) === 0 ? packed : inflateRawSync(packed, { maxOutputLength: 256 * 1024 * 1024 });
    }
    at += 46 + nameLength + zip.readUInt16LE(at + 30) + zip.readUInt16LE(at + 32);
  }
  return undefined;
}
