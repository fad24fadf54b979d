import { EntityManager } from '@mikro-orm/postgresql';
import { Controller, Get, Param, Post } from '@nestjs/common';
import { Collections, TokenStore } from 'nestjs-nft-refresh/token-store';
import { ListingSearch } from './listing-search.js';
import { Collection, Offer } from './shop/entities.js';

/** The shop's offers with the current metadata of their tokens. */
@Controller('listings')
export class ListingsController {
  constructor(
    private readonly em: EntityManager,
    private readonly collections: Collections,
    private readonly tokens: TokenStore,
    private readonly search: ListingSearch,
  ) {}

  /** Registers a collection of the shop for refreshes, with the tokens that are for sale. */
  @Post(':address')
  async register(@Param('address') address: string) {
    const { metadataUrl, owner } = await this.em.findOneOrFail(Collection, { address });
    const source = { kind: 'metadata_api' as const, url: metadataUrl };
    const { id } = await this.collections.add({ chainId: 1, address, projectId: String(owner.id), source });
    const offers = await this.em.find(Offer, { collection: { address } });
    return { registered: await this.tokens.registerTokens(id, [...new Set(offers.map(({ tokenId }) => tokenId))]) };
  }

  @Get(':address')
  async list(@Param('address') address: string) {
    const [registered] = await this.collections.findByAddress(address);
    const offers = await this.em.find(Offer, { collection: { address } }, { orderBy: { id: 'asc' } });
    const records = await this.tokens.findTokens(
      registered ? offers.map(({ tokenId }) => ({ collectionId: registered.id, tokenId })) : [],
    );
    const byId = new Map(records.map((record) => [record.tokenId, record]));
    return offers.map(({ tokenId, price }) => ({ tokenId, price, name: byId.get(tokenId)?.name ?? null }));
  }

  @Get(':address/named/:name')
  async named(@Param('address') address: string, @Param('name') name: string) {
    return (await this.search.find(address, name)).map(({ tokenId, version }) => ({ tokenId, version }));
  }
}
