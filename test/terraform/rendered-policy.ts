/** IAM policies as the module renders them, with lists where IAM also takes the one alone. */

export interface PolicyDocument {
  readonly Version: '2012-10-17';
  readonly Id?: string;
  readonly Statement: readonly PolicyStatement[];
}

/** Of each pair (`Action` and `NotAction`, `Resource` and `NotResource`) at most one is there. */
export interface PolicyStatement {
  readonly Sid?: string;
  readonly Effect: 'Allow' | 'Deny';
  readonly Action?: readonly string[];
  readonly NotAction?: readonly string[];
  readonly Resource?: readonly string[];
  readonly NotResource?: readonly string[];
  /** By type: `AWS`, `Service`, `Federated`; `*` alone is `{AWS: ['*']}`. */
  readonly Principal?: Readonly<Record<string, readonly string[]>>;
  /** Operator, key, values: `{StringEquals: {'aws:SourceAccount': ['111111111111']}}`. */
  readonly Condition?: Readonly<Record<string, Readonly<Record<string, readonly string[]>>>>;
}

type OneOrMore = string | readonly string[];

/** As `aws_iam_policy_document` writes it. */
interface Written {
  readonly Version: '2012-10-17';
  readonly Id?: string;
  readonly Statement: readonly (Pick<PolicyStatement, 'Sid' | 'Effect'> & {
    readonly Action?: OneOrMore;
    readonly NotAction?: OneOrMore;
    readonly Resource?: OneOrMore;
    readonly NotResource?: OneOrMore;
    readonly Principal?: '*' | Readonly<Record<string, OneOrMore>>;
    readonly Condition?: Readonly<Record<string, Readonly<Record<string, OneOrMore>>>>;
  })[];
}

export function readPolicy(json: string): PolicyDocument {
  const { Statement, ...rest } = JSON.parse(json) as Written;
  return {
    ...rest,
    Statement: Statement.map(({ Sid, Effect, Principal, Condition, ...lists }) => ({
      ...(Sid !== undefined && { Sid }),
      Effect,
      ...mapValues(lists, listOf),
      ...(Principal !== undefined && { Principal: Principal === '*' ? { AWS: ['*'] } : mapValues(Principal, listOf) }),
      ...(Condition !== undefined && { Condition: mapValues(Condition, keys => mapValues(keys, listOf)) }),
    })),
  };
}

const listOf = (value: OneOrMore): readonly string[] => (typeof value === 'string' ? [value] : value);

const mapValues = <Value, Made>(
  of: Readonly<Record<string, Value>>,
  make: (value: Value) => Made,
): Record<string, Made> => Object.fromEntries(Object.entries(of).map(([name, value]) => [name, make(value)]));
