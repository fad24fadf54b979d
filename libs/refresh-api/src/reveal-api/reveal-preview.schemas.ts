import type { z } from 'zod';
import { pageSizeSchema, tokenCursorSchema } from '../paging.schemas.js';
import { strictObject } from '../strict-object.js';
import { valuesPerTypeSchema } from '../token-api/token-api.schemas.js';

export const stagedTraitsSchema = strictObject({ values_per_type: valuesPerTypeSchema }, 'a parameter').transform(
  ({ values_per_type }) => ({ valuesPerType: values_per_type }),
);
export type StagedTraits = z.output<typeof stagedTraitsSchema>;

export const stagedTokensSchema = strictObject(
  { page_size: pageSizeSchema, cursor: tokenCursorSchema },
  'a parameter',
).transform(({ page_size, cursor }) => ({ limit: page_size, after: cursor }));
export type StagedTokens = z.output<typeof stagedTokensSchema>;
