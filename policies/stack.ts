/** Finds how the stack at a path runs: the settings of all entries that match it, taken together. */
import { type Repository, type StackEntry, type StackSettings, usualSettings } from './allowlist.ts';
import { canonicalJson } from './canonical-json.ts';
import type { CanonicalPath } from './path.ts';
import { matches, overlaps } from './pattern.ts';

/** No two entries set one key differently for one path, so their order is of no account. */
export function stackSettings(repository: Repository, path: CanonicalPath): StackSettings {
  const settings: StackSettings = { ...usualSettings, ...givenSettings(repository, path) };
  if (settings.backend === undefined) return settings;
  const config = Object.entries(settings.backend.config).map(([key, value]) => [
    key,
    value.replaceAll(/\{path\}|\{repo\}/g, placeholder => (placeholder === '{path}' ? path : repository.name)),
  ]);
  return { ...settings, backend: { type: settings.backend.type, config: Object.fromEntries(config) } };
}

/** What the entries say, without what holds where they say nothing; placeholders are as they were written. */
export function givenSettings(repository: Repository, path: CanonicalPath): Partial<StackSettings> {
  const found = repository.stacks.filter(({ paths }) => paths.some(pattern => matches(pattern, path)));
  return Object.assign({}, ...found.map(entry => entry.settings));
}

/** The keys that two entries set differently for a path that both match: nobody could say which one counts. */
export function conflicts(a: StackEntry, b: StackEntry): (keyof StackSettings)[] {
  if (!meet(a, b)) return [];
  return stackKeys.filter(key => {
    const [one, other] = [a.settings[key], b.settings[key]];
    return one !== undefined && other !== undefined && canonicalJson(one) !== canonicalJson(other);
  });
}

/** Is there a path that both match? */
export const meet = (a: StackEntry, b: StackEntry): boolean =>
  a.paths.some(one => b.paths.some(other => overlaps(one, other)));

const stackKeys = ['version', 'backend', ...Object.keys(usualSettings)] as (keyof StackSettings)[];
