import { parseAddress } from '@app/project-auth';
import { z } from 'zod';

/** Returns the address in lower case. Issues of a field get its name from their path. */
export const collectionAddressSchema = addressSchema('');

/** For a parameter of the path, whose issues have no path of their own. */
export const collectionAddressParamSchema = addressSchema('collection_address ');

function addressSchema(subject: string) {
  return z
    .string({ error: `${subject}must be a string: 0x and 40 hex digits` })
    .regex(/^0x[0-9a-fA-F]{40}$/, { error: `${subject}must be 0x and 40 hex digits`, abort: true })
    .refine((address) => parseAddress(address) !== null, {
      error: `${subject}has a wrong EIP-55 checksum: check its letters, or write them all in lower case`,
    })
    .transform((address) => address.toLowerCase());
}
