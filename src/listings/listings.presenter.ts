import { z } from 'zod';
import type { Listing } from './listings.js';

const text = z.string().nullable();
const time = z.string().nullable().meta({ format: 'date-time' });

const listingSchema = z.object({
  listing_id: z.string().meta({ examples: ['17'] }),
  seller: z.string(),
  price: z.string().meta({ description: 'In wei, decimal digits.', examples: ['1250000000000000000'] }),
  currency: z.string().meta({ examples: ['ETH'] }),
  created_at: z.string().meta({ format: 'date-time' }),
  token: z
    .object({
      collection_address: z.string().meta({ examples: ['0x95cf5c1b78ed03db3a1d69e722f2e2fa40cdf584'] }),
      token_id: z.string().meta({ examples: ['1'] }),
      name: text,
      description: text,
      image_url: text,
      animation_url: text,
      external_url: text,
      attributes: z.array(
        z.object({
          trait_type: z.string(),
          value: z.union([z.string(), z.number(), z.boolean()]),
          display_type: z.string().optional(),
        }),
      ),
      metadata_status: z.enum(['pending', 'ok', 'stale', 'failed']),
      changed_at: time.meta({ description: 'Changes only when the content changes.' }),
      last_success_at: time,
      stale_since: time,
      last_error_code: text,
    })
    .nullable()
    .meta({ description: '`null`: the token is not registered any more.' }),
});

export const listingPageSchema = z
  .object({
    result: z.array(listingSchema),
    cursor: z.string().meta({
      description: 'For the next page. It is set on the last page too: stop when `remaining` is 0.',
      examples: ['eyJvcmRlciI6ImNyZWF0ZWRfYXQ6ZGVzYyIsInBvc2l0aW9uIjpbIjE3Il19'],
    }),
    remaining: z.int().min(0).max(1).meta({
      description:
        '1: continue with `cursor`, even if this page has fewer listings than requested. 0: this is the last page.',
    }),
  })
  .meta({ id: 'ListingPage' });

export const errorSchema = z.object({ code: z.string(), message: z.string() }).meta({ id: 'ListingError' });

export function toListingBody({
  id,
  seller,
  price,
  currency,
  createdAt,
  token,
}: Listing): z.output<typeof listingSchema> {
  return {
    listing_id: id,
    seller,
    price,
    currency,
    created_at: createdAt.toISOString(),
    token: token && {
      collection_address: token.collectionAddress,
      token_id: token.tokenId,
      name: token.name,
      description: token.description,
      image_url: token.imageUrl,
      animation_url: token.animationUrl,
      external_url: token.externalUrl,
      attributes: token.attributes.map(({ traitType, value, displayType }) => ({
        trait_type: traitType,
        value,
        ...(displayType !== null && { display_type: displayType }),
      })),
      metadata_status: token.metadataStatus,
      changed_at: token.changedAt?.toISOString() ?? null,
      last_success_at: token.lastSuccessAt?.toISOString() ?? null,
      stale_since: token.staleSince?.toISOString() ?? null,
      last_error_code: token.lastErrorCode,
    },
  };
}
