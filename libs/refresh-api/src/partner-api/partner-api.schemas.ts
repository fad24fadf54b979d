import { parseAddress } from '@app/project-auth';
import { z } from 'zod';
import { tokenIdsSchema } from '../token-ids.schema.js';

/** `ronin:` and 40 hex digits is the display form of the same address. */
export const tokenAddressSchema = z
  .string()
  .regex(/^(0x|ronin:)[0-9a-fA-F]{40}$/, {
    error: 'token_address must be 0x, or ronin:, and 40 hex digits',
    abort: true,
  })
  .transform((address) => address.replace(/^ronin:/, '0x'))
  .refine((address) => parseAddress(address) !== null, {
    error: 'token_address has a wrong EIP-55 checksum: check its letters, or write them all in lower case',
  })
  .transform((address) => address.toLowerCase())
  .meta({
    description: 'Contract address, `0x…` or `ronin:…`.',
    examples: ['0x95cf5c1b78ed03db3a1d69e722f2e2fa40cdf584'],
  });

export const refreshMetadataSchema = z
  .object(
    {
      token_ids: tokenIdsSchema.meta({
        description:
          "The tokens to refresh: at most the project's limit for a request, 100 by default. A repeated id counts once.",
        examples: [['1', '2']],
      }),
    },
    { error: 'the body must be a JSON object with token_ids' },
  )
  .transform(({ token_ids }) => ({ tokenIds: token_ids }));
export type RefreshMetadata = z.output<typeof refreshMetadataSchema>;
