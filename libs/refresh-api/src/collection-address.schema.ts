import { parseAddress } from '@app/project-auth';
import { z } from 'zod';

/** Lower case on the way out. */
export const collectionAddressSchema = z
  .string({ error: 'must be a string: 0x and 40 hex digits' })
  .regex(/^0x[0-9a-fA-F]{40}$/, { error: 'must be 0x and 40 hex digits', abort: true })
  .refine((address) => parseAddress(address) !== null, {
    error: 'has a wrong EIP-55 checksum: check its letters, or write them all in lower case',
  })
  .transform((address) => address.toLowerCase());
