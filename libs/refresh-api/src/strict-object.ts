import { unknownName } from '@app/module-options';
import { z } from 'zod';

/** What is read of a request, as an error message calls one of it. */
export type InputKind = 'a field' | 'a parameter';

/**
 * What a route that is ours alone reads, of a body or a query: all else is refused by its name, with the most similar
 * one. Routes whose contract is somebody else's take z.object instead, which ignores what it does not know: their clients
 * may send more.
 */
export function strictObject<Shape extends z.ZodRawShape>(shape: Shape, kind: InputKind) {
  return z.strictObject(shape, {
    error: (issue) => {
      if (issue.code === 'unrecognized_keys') return unknownInput(issue.keys, Object.keys(shape), kind);
      return kind === 'a field' ? 'the body must be a JSON object' : undefined;
    },
  });
}

export function unknownInput(names: readonly string[], known: readonly string[], kind: InputKind): string {
  return names.map((name) => unknownName(name, known, kind)).join('; ');
}
