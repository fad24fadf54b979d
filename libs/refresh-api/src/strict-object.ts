import { unknownName } from '@app/module-options';
import { z } from 'zod';

/** What error messages call an unknown name. */
export type InputKind = 'a field' | 'a parameter';

/**
 * An object of one of our own routes, from a body or a query. An unknown name is refused with the most similar known one.
 * Routes of a public wire format use z.object instead, which ignores unknown names, because their clients may send more.
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
