import { isTokenId } from '@app/token-store';
import { z } from 'zod';

const rule = 'must be a decimal uint256: digits only, no leading zero, below 2^256';

/** A token id in a query: decimal text. */
export const tokenIdTextSchema = z.string({ error: rule }).refine(isTokenId, { error: rule });

/** A token id in a path. Its errors name the parameter, which has no field. */
export const tokenIdParamSchema = z
  .string()
  .refine(isTokenId, { error: `token_id ${rule}` })
  .meta({ description: 'A decimal uint256.', examples: ['1'] });

/** A token id of a JSON body, as decimal text. */
export const tokenIdSchema = z
  .union(
    [
      tokenIdTextSchema.meta({ pattern: '^(0|[1-9][0-9]{0,77})$' }),
      z.int({ error: rule }).min(0, { error: rule }).transform(String),
    ],
    { error: rule },
  )
  .meta({
    description: 'A decimal uint256, best as text: a JSON number is exact up to 2^53 - 1 only.',
    examples: ['1'],
  });

/** At least one token id. The maximum depends on the project, so it is checked elsewhere. */
export const tokenIdsSchema = z
  .array(tokenIdSchema, { error: 'must be a list of token ids' })
  .min(1, { error: 'must have at least one token id' });
