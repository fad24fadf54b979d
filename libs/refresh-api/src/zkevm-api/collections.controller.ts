import { Collections, TokenStore } from '@app/token-store';
import { Controller, Get, Param, Query, UseFilters } from '@nestjs/common';
import { registeredCollection } from '../registered-collection.js';
import { validatedBy } from '../validated-by.js';
import { ChainNames } from './chain-names.js';
import { CollectionPages } from './collection-pages.js';
import { toCollectionBody, toFiltersBody } from './collections.presenter.js';
import { DocumentsCollection, DocumentsCollections, DocumentsFilters } from './collections.documentation.js';
import { toPageBody } from './page-cursor.js';
import { ZkevmApiFilter } from './zkevm-api.filter.js';
import {
  chainNameSchema,
  collectionsQuerySchema,
  contractAddressSchema,
  type CollectionsQuery,
} from './zkevm-api.schemas.js';

/** The most common values of a trait type that filters list. */
const VALUES_PER_FILTER = 100;

/** Collections and the filters of their tokens, in the wire format of Immutable zkEVM. Public. */
@Controller()
@UseFilters(ZkevmApiFilter)
export class ZkevmCollectionsController {
  constructor(
    private readonly collections: Collections,
    private readonly tokens: TokenStore,
    private readonly pages: CollectionPages,
    private readonly chains: ChainNames,
  ) {}

  @Get(':chain_name/collections/:contract_address')
  @DocumentsCollection()
  async getCollection(
    @Param('chain_name', validatedBy(chainNameSchema)) chainName: string,
    @Param('contract_address', validatedBy(contractAddressSchema)) address: string,
  ) {
    const collection = await this.collection(chainName, address);
    return { result: toCollectionBody(await this.pages.withProfile(collection), this.chains) };
  }

  @Get(':chain_name/collections')
  @DocumentsCollections()
  async listCollections(
    @Param('chain_name', validatedBy(chainNameSchema)) chainName: string,
    @Query(validatedBy(collectionsQuerySchema)) query: CollectionsQuery,
  ) {
    const page = await this.pages.page(this.chains.idOf(chainName), query);
    return toPageBody(page, (one) => toCollectionBody(one, this.chains));
  }

  @Get(':chain_name/search/filters/:contract_address')
  @DocumentsFilters()
  async listFilters(
    @Param('chain_name', validatedBy(chainNameSchema)) chainName: string,
    @Param('contract_address', validatedBy(contractAddressSchema)) address: string,
  ) {
    const { id: collectionId, chainId } = await this.collection(chainName, address);
    const traits = await this.tokens.listTraits({ collectionId, valuesPerType: VALUES_PER_FILTER });
    return toFiltersBody({ address, traits }, this.chains.of(chainId));
  }

  private collection(chainName: string, address: string) {
    return registeredCollection(this.collections, address, this.chains.idOf(chainName));
  }
}
