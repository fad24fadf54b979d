import { z } from 'zod';

/** An object of these fields and no others: what is unknown is refused by its name, so that a typo is noticed. */
export function strictObject<Shape extends z.core.$ZodLooseShape>(shape: Shape, kind: 'field' | 'query parameter') {
  const known = Object.keys(shape).join(', ');
  return z.strictObject(shape, {
    error: (issue) => {
      if (issue.code !== 'unrecognized_keys') return kind === 'field' ? `the body must be a JSON object` : undefined;
      const names = issue.keys.map((key) => JSON.stringify(key)).join(', ');
      return `${names} is not a ${kind} here; known are: ${known}`;
    },
  });
}
