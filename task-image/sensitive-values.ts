/** Which values a plan or a state marks as sensitive, from Terraform's own JSON of it: variables, resources, outputs, modules. Pure. */

/** Numbers with fewer digits are in every text. */
const shortestNumber = 100_000;

/**
 * `show -json` of a plan or a state, which marks what a provider calls sensitive too: a state file of older versions does
 * not. What is not as Terraform writes it marks nothing.
 */
export function sensitiveValues(shown: unknown): ReadonlySet<string> {
  const values = new Set<string>();
  const take = (value: unknown): void => {
    if (typeof value === 'string') values.add(value);
    else if (typeof value === 'number' && Math.abs(value) >= shortestNumber) values.add(String(value));
    else for (const part of partsOf(value)) take(part);
  };
  /** `marks` is `true` where all of the value is sensitive, else a tree that is shaped like it. */
  const takeMarked = (value: unknown, marks: unknown): void => {
    if (marks === true) take(value);
    else for (const [key, mark] of Object.entries(objectOf(marks))) takeMarked(objectOf(value)[key], mark);
  };
  const takeChange = (change: unknown): void => {
    const { before, before_sensitive, after, after_sensitive } = objectOf(change);
    takeMarked(before, before_sensitive);
    takeMarked(after, after_sensitive);
  };
  const takeModule = (module: unknown): void => {
    const { resources, child_modules } = objectOf(module);
    for (const resource of partsOf(resources)) {
      const { values, sensitive_values } = objectOf(resource);
      takeMarked(values, sensitive_values);
    }
    for (const child of partsOf(child_modules)) takeModule(child);
  };
  const takeState = (state: unknown): void => {
    const { outputs, root_module } = objectOf(state);
    for (const output of partsOf(outputs)) takeMarked(objectOf(output).value, objectOf(output).sensitive);
    takeModule(root_module);
  };

  const { variables, configuration, resource_changes, resource_drift, output_changes, ...rest } = objectOf(shown);
  const declared = objectOf(objectOf(objectOf(configuration).root_module).variables);
  for (const [name, variable] of Object.entries(objectOf(variables)))
    takeMarked(objectOf(variable).value, objectOf(declared[name]).sensitive);
  for (const resource of [...partsOf(resource_changes), ...partsOf(resource_drift)])
    takeChange(objectOf(resource).change);
  for (const deferred of partsOf(rest.deferred_changes))
    takeChange(objectOf(objectOf(deferred).resource_change).change);
  for (const change of partsOf(output_changes)) takeChange(change);
  takeState(objectOf(rest.prior_state).values);
  takeState(rest.planned_values);
  takeState(rest.values);
  return values;
}

const objectOf = (value: unknown): Record<string, unknown> =>
  typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};

const partsOf = (value: unknown): unknown[] => Object.values(objectOf(value));
