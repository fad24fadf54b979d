import { Controller, Get, Query } from '@nestjs/common';
import { formatCursor, parseListingQuery } from './listing-query.js';
import { Listings, type Listing } from './listings.js';

/** The listing page of the marketplace, open to everybody. */
@Controller('listings')
export class ListingsController {
  constructor(private readonly listings: Listings) {}

  @Get()
  async list(@Query() query: Record<string, string | string[] | undefined>) {
    const { listings, hasMore } = await this.listings.list(parseListingQuery(query));
    const last = listings.at(-1);
    return { result: listings.map(toBody), cursor: last ? formatCursor(last.id) : '', remaining: hasMore ? 1 : 0 };
  }
}

function toBody({ id, seller, price, currency, createdAt, token }: Listing) {
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
