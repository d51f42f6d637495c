/** Policies of every shape that the format allows, as the text of a file, for property tests. */
import fc from 'fast-check';
import { stringify } from 'yaml';
import { repositoryNames, urlOf } from './hostile-requests.ts';

const parts = fc.constantFrom(
  'prod',
  'staging',
  'vpc',
  'secrets',
  'main',
  'v1',
  'release',
  '*',
  '**',
  'v*',
  '*s',
  's*g',
  '*.*',
);
const patterns = fc.oneof(
  fc.constantFrom('**', 'prod/**', '**/vpc', '*', '*/*'),
  fc.array(parts, { minLength: 1, maxLength: 4 }).map(found => found.join('/')),
);
const refPatterns = fc.oneof(
  { arbitrary: fc.tuple(fc.constantFrom('refs/heads/', 'refs/tags/'), patterns).map(both => both.join('')), weight: 9 },
  fc.constantFrom('refs/heads/**', 'refs/tags/**', 'refs/merge-requests/*/head', 'refs/merge-requests/1*/merge'),
);

const commands = fc.constantFrom(['plan'], ['apply'], ['plan', 'apply']);
const some = (arbitrary: fc.Arbitrary<string>) => fc.array(arbitrary, { minLength: 1, maxLength: 3 });
const isForMergeRequests = (ref: string): boolean => ref.startsWith('refs/merge-requests/');

const allows = fc
  .record({ allow: commands, refs: some(refPatterns), paths: some(patterns) })
  .map(rule => (rule.refs.some(isForMergeRequests) ? { ...rule, allow: ['plan'] } : rule));
const denies = fc.record(
  { deny: commands, refs: some(refPatterns), paths: some(patterns) },
  { requiredKeys: ['deny'] },
);

/** Three of four rules allow, so that enough is allowed to be compared. */
const rules = fc
  .array(fc.oneof({ arbitrary: allows, weight: 3 }, denies), { minLength: 1, maxLength: 6 })
  .map(all => all.map((rule, at) => ({ name: `r${at}`, ...rule })));

export const policyTexts: fc.Arbitrary<string> = fc
  .array(rules, { minLength: 1, maxLength: repositoryNames.length })
  .map(all =>
    stringify(
      {
        version: 1,
        repositories: Object.fromEntries(
          all.map((found, at) => {
            const name = repositoryNames[at] ?? '';
            return [name, { url: urlOf(name), rules: found }];
          }),
        ),
      },
      { aliasDuplicateObjects: false },
    ),
  );
