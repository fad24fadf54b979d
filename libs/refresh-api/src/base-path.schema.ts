import { z } from 'zod';

/** A base path of controllers, without slashes around it. */
export const basePathSchema = z
  .string()
  .regex(/^[a-z0-9/_-]*$/i, { error: 'must be a path of letters, digits, "-", "_" and "/", such as "v1"' })
  .transform((path) => path.split('/').filter(Boolean).join('/'));
