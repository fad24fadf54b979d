import { unknownName } from '@app/module-options';
import { z } from 'zod';

/**
 * The query parameters of a route that is ours alone: others are refused by name, with the most similar one. Routes whose
 * contract is somebody else's take z.object instead, which ignores what it does not know: their clients may send more.
 */
export function ownQuery<Shape extends z.ZodRawShape>(shape: Shape) {
  return z.strictObject(shape, {
    error: (issue) =>
      issue.code === 'unrecognized_keys'
        ? issue.keys.map((name) => unknownName(name, Object.keys(shape), 'a parameter')).join('; ')
        : undefined,
  });
}
