import { formatPageCursor } from '@app/token-store';
import { Controller, Get, Query, UseFilters } from '@nestjs/common';
import { parseListingQuery } from './listing-query.js';
import { DocumentsListings } from './listings.documentation.js';
import { ListingsFilter } from './listings.filter.js';
import { toListingBody } from './listings.presenter.js';
import { Listings } from './listings.js';

/** The listings of the marketplace. Needs no authentication. */
@Controller('listings')
@UseFilters(ListingsFilter)
export class ListingsController {
  constructor(private readonly listings: Listings) {}

  @Get()
  @DocumentsListings()
  async list(@Query() parameters: Record<string, string | string[] | undefined>) {
    const query = parseListingQuery(parameters);
    const { listings, next, end } = await this.listings.list(query);
    const position = next ?? end;
    return {
      result: listings.map(toListingBody),
      cursor: position ? formatPageCursor(query.order, position) : '',
      remaining: next ? 1 : 0,
    };
  }
}
