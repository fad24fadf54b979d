import { z } from 'zod';
import { collectionAddressParamSchema } from '../collection-address.schema.js';
import { cursorSchema, pageSizeSchema } from '../paging.schemas.js';
import { strictObject } from '../strict-object.js';

export const addressParamSchema = collectionAddressParamSchema.meta({
  description: 'Contract address, in any case.',
  examples: ['0x95cf5c1b78ed03db3a1d69e722f2e2fa40cdf584'],
});

export const chainIdSchema = z
  .string({ error: 'must be a chain id, such as 1' })
  .regex(/^[1-9][0-9]{0,14}$/, { error: 'must be a chain id, such as 1' })
  .transform(Number)
  .optional()
  .meta({ type: 'integer', description: 'For an address that is registered on several chains.' });

export const chainSchema = strictObject({ chain_id: chainIdSchema }, 'a parameter').transform(({ chain_id }) => ({
  chainId: chain_id,
}));
export type ChainQuery = z.output<typeof chainSchema>;

const mostRule = 'must be a whole number from 1 to 1000';
export const valuesPerTypeSchema = z
  .string({ error: mostRule })
  .regex(/^[0-9]{1,4}$/, { error: mostRule })
  .transform(Number)
  .refine((count) => count >= 1 && count <= 1000, { error: mostRule })
  .default(100)
  .meta({ type: 'integer', minimum: 1, maximum: 1000, default: 100, description: 'The most frequent come first.' });

export const traitsQuerySchema = strictObject(
  { chain_id: chainIdSchema, values_per_type: valuesPerTypeSchema },
  'a parameter',
).transform((query) => ({ chainId: query.chain_id, valuesPerType: query.values_per_type }));
export type TraitsQuery = z.output<typeof traitsQuerySchema>;

export const attemptsQuerySchema = strictObject(
  { page_size: pageSizeSchema, cursor: cursorSchema('bigint') },
  'a parameter',
).transform((query) => ({ limit: query.page_size, after: query.cursor }));
export type AttemptsQuery = z.output<typeof attemptsQuerySchema>;
