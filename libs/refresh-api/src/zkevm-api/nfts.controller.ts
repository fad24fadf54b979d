import { Collections, stackKey, Stacks, TokenStore, type TokenRecord } from '@app/token-store';
import { Controller, Get, Param, Query, UseFilters } from '@nestjs/common';
import { registeredCollection } from '../registered-collection.js';
import { ResourceNotFound } from '../resource-not-found.js';
import { tokenIdParamSchema } from '../token-ids.schema.js';
import { validatedBy } from '../validated-by.js';
import { ChainNames } from './chain-names.js';
import { NftPages } from './nft-pages.js';
import { toNftBody } from './nfts.presenter.js';
import { toPageBody, type Page } from './page-cursor.js';
import { DocumentsNft, DocumentsNfts, DocumentsNftsOnChain } from './zkevm-api.documentation.js';
import { ZkevmApiFilter } from './zkevm-api.filter.js';
import {
  chainNameSchema,
  contractAddressSchema,
  nftsOnChainQuerySchema,
  nftsQuerySchema,
  type NftsOnChainQuery,
  type NftsQuery,
} from './zkevm-api.schemas.js';

/** Token records in the wire format of Immutable zkEVM. Public: its clients read without a key. */
@Controller()
@UseFilters(ZkevmApiFilter)
export class NftsController {
  constructor(
    private readonly collections: Collections,
    private readonly tokens: TokenStore,
    private readonly stacks: Stacks,
    private readonly pages: NftPages,
    private readonly chains: ChainNames,
  ) {}

  @Get(':chain_name/collections/:contract_address/nfts/:token_id')
  @DocumentsNft()
  async getNft(
    @Param('chain_name', validatedBy(chainNameSchema)) chainName: string,
    @Param('contract_address', validatedBy(contractAddressSchema)) address: string,
    @Param('token_id', validatedBy(tokenIdParamSchema)) tokenId: string,
  ) {
    const { id: collectionId } = await this.collection(chainName, address);
    const token = await this.tokens.findToken({ collectionId, tokenId });
    if (!token)
      throw new ResourceNotFound('token_not_found', `Token ${tokenId} of collection ${address} is not registered.`);
    const toBody = await this.bodyOf([token]);
    return { result: toBody(token) };
  }

  @Get(':chain_name/collections/:contract_address/nfts')
  @DocumentsNfts()
  async listNfts(
    @Param('chain_name', validatedBy(chainNameSchema)) chainName: string,
    @Param('contract_address', validatedBy(contractAddressSchema)) address: string,
    @Query(validatedBy(nftsQuerySchema)) { tokenIds, ...query }: NftsQuery,
  ) {
    const collection = await this.collection(chainName, address);
    const page = tokenIds
      ? await this.pages.ofTokens(collection, tokenIds, query)
      : await this.pages.ofCollection(collection, query);
    return this.toPage(page);
  }

  @Get(':chain_name/nfts')
  @DocumentsNftsOnChain()
  async listNftsOnChain(
    @Param('chain_name', validatedBy(chainNameSchema)) chainName: string,
    @Query(validatedBy(nftsOnChainQuerySchema)) query: NftsOnChainQuery,
  ) {
    return this.toPage(await this.pages.onChain(this.chains.idOf(chainName), query));
  }

  private async toPage(page: Page<TokenRecord>) {
    return toPageBody(page, await this.bodyOf(page.rows));
  }

  /** With the metadata ids of these tokens. */
  private async bodyOf(tokens: readonly TokenRecord[]) {
    const metadataIds = await this.stacks.idsOf(tokens);
    return (token: TokenRecord) => toNftBody(token, metadataIds.get(stackKey(token)) ?? null, this.chains);
  }

  private collection(chainName: string, address: string) {
    return registeredCollection(this.collections, address, this.chains.idOf(chainName));
  }
}
