/** Compiles a schema when it is first needed: every worker loads all schemas, and checks by few of them. */
import type { TSchema } from 'typebox';
import { Compile } from 'typebox/compile';

export function compiled<Schema extends TSchema>(schema: Schema) {
  const compile = () => Compile(schema);
  let made: ReturnType<typeof compile> | undefined;
  return () => {
    made ??= compile();
    return made;
  };
}
