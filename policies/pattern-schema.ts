/** Lists of patterns as they are written in the policy file. */
import { Type } from 'typebox';
import { parsePattern } from './pattern.ts';

const patterns = (kind: 'ref' | 'path', description: string) =>
  Type.Array(
    Type.Refine(
      Type.String({ description }),
      text => flaw(text, kind) === '',
      text => flaw(text, kind),
    ),
    { minItems: 1, description },
  );

const flaw = (text: string, kind: 'ref' | 'path'): string => {
  const parsed = parsePattern(text, kind);
  return parsed.ok ? '' : `is no pattern: ${parsed.problem.message}; fix: ${parsed.problem.fix}`;
};

export const PathsSchema = patterns('path', 'paths from the root of the repository, like `prod/vpc` or `prod/**`');
export const RefsSchema = patterns(
  'ref',
  'full refs, like `refs/heads/main`, `refs/tags/release/*` or `refs/heads/**`',
);
