import { z } from 'zod';

/** An id in a path, of any version. Returns it in lower case. */
export function uuidParamSchema(name: string) {
  return z
    .string()
    .regex(/^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$/, { error: `${name} must be a UUID` })
    .transform((id) => id.toLowerCase());
}
