import type { CollectionProfile } from '@app/token-store';
import { z } from 'zod';

const value = z
  .string({
    error: ({ input }) => (input === undefined ? 'is missing: send null for no value' : 'must be a string, or null'),
  })
  .max(10_000, { error: 'must have at most 10,000 characters' })
  .transform((text) => text.replaceAll('\0', '\ufffd').toWellFormed())
  .nullable();

export const pushCollectionSchema = z
  .object(
    {
      collection_metadata: z.object(
        {
          name: value,
          symbol: value,
          description: value,
          image: value,
          external_link: value,
          contract_uri: value,
          base_uri: value,
        },
        { error: 'must be an object' },
      ),
    },
    { error: 'the body must be a JSON object with collection_metadata' },
  )
  .transform(({ collection_metadata }): CollectionProfile => {
    const { external_link, contract_uri, base_uri, ...same } = collection_metadata;
    return { ...same, externalLink: external_link, contractUri: contract_uri, baseUri: base_uri };
  });
