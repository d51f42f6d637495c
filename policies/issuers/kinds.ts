/** The kinds of issuers there are, by the name that the policy calls them. */
import { github } from './github.ts';
import { gitlab } from './gitlab.ts';
import type { IssuerKind } from './kind.ts';

export const kindNames = ['gitlab', 'github'] as const;
export type KindName = (typeof kindNames)[number];

export const kinds: Readonly<Record<KindName, IssuerKind>> = { gitlab, github };
