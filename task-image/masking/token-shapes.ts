/** What well-known tokens look like: the second net, for secrets that nobody told of. No match is longer than `longestToken`. */

export const longestToken = 16_384;

export interface TokenShape {
  /** What a match may begin with, at least three characters each. */
  readonly begins: readonly string[];
  /** Sticky. */
  readonly pattern: RegExp;
  /** How much of a match is left at its beginning. */
  readonly left?: number;
}

export const tokenShapes: readonly TokenShape[] = [
  // AWS access key ids, of users and of sessions.
  { begins: ['AKIA', 'ASIA'], pattern: /(?:AKIA|ASIA)[A-Z0-9]{16}/y },
  // GitLab: https://docs.gitlab.com/security/tokens/#token-prefixes
  {
    begins: [
      'glpat-',
      'gldt-',
      'glrt',
      'glcbt-',
      'glptt-',
      'glft-',
      'glimt-',
      'glagent-',
      'glsoat-',
      'glwt-',
      'gloas-',
    ],
    pattern: /gl(?:pat|dt|rtr?|cbt|ptt|ft|imt|agent|soat|wt|oas)-[\w-]{20,1000}(?:\.[\w-]{1,100})?(?:\.[\w-]{1,100})?/y,
  },
  { begins: ['ghp_', 'gho_', 'ghu_', 'ghs_', 'ghr_'], pattern: /gh[pousr]_[A-Za-z0-9]{36,255}/y },
  { begins: ['github_pat_'], pattern: /github_pat_\w{22,255}/y },
  // A JWT, only where a word begins or after an escape: else a long run of them would be read again and again.
  {
    begins: ['eyJ'],
    pattern:
      /(?:(?<![\w-])|(?<=\\[nrt]|%[0-9A-Fa-f]{2}|\\u[0-9A-Fa-f]{4}))eyJ[\w-]{5,2000}\.eyJ[\w-]{5,12000}\.[\w-]{10,2000}/y,
  },
  // The user info of a url; `git@` alone is no secret.
  { begins: ['://'], pattern: /:\/\/(?!git@)[^\s/?#"'<>]{1,1000}(?=@)/y, left: 3 },
];
