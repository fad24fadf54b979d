import { EntityManager } from '@mikro-orm/postgresql';
import { Controller, Get, Param, Post } from '@nestjs/common';
import { Collections, TokenStore } from 'nestjs-nft-refresh/token-store';
import { ListingSearch } from './listing-search.js';
import { Collection, Offer } from './shop/entities.js';

/** The shop's offers with the metadata that their tokens have now. */
@Controller('listings')
export class ListingsController {
  constructor(
    private readonly em: EntityManager,
    private readonly collections: Collections,
    private readonly tokens: TokenStore,
    private readonly search: ListingSearch,
  ) {}

  /** Makes a collection of the shop one that can be refreshed, with the tokens that are for sale. */
  @Post(':address')
  async follow(@Param('address') address: string) {
    const { metadataUrl, owner } = await this.em.findOneOrFail(Collection, { address });
    const source = { kind: 'metadata_api' as const, url: metadataUrl };
    const { id } = await this.collections.add({ chainId: 1, address, projectId: String(owner.id), source });
    const offers = await this.em.find(Offer, { collection: { address } });
    return { registered: await this.tokens.registerTokens(id, [...new Set(offers.map(({ tokenId }) => tokenId))]) };
  }

  @Get(':address')
  async list(@Param('address') address: string) {
    const [followed] = await this.collections.findByAddress(address);
    const offers = await this.em.find(Offer, { collection: { address } }, { orderBy: { id: 'asc' } });
    const records = await this.tokens.findTokens(
      followed ? offers.map(({ tokenId }) => ({ collectionId: followed.id, tokenId })) : [],
    );
    const byId = new Map(records.map((record) => [record.tokenId, record]));
    return offers.map(({ tokenId, price }) => ({ tokenId, price, name: byId.get(tokenId)?.name ?? null }));
  }

  @Get(':address/named/:name')
  async named(@Param('address') address: string, @Param('name') name: string) {
    return (await this.search.find(address, name)).map(({ tokenId, version }) => ({ tokenId, version }));
  }
}
