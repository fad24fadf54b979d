import { StacksNotFound } from '@app/metadata-refresh';
import { Collections, Stacks } from '@app/token-store';
import { Controller, Get, Param, Query, UseFilters } from '@nestjs/common';
import { registeredCollection } from '../registered-collection.js';
import { validatedBy } from '../validated-by.js';
import { ChainNames } from './chain-names.js';
import { toPageBody } from './page-cursor.js';
import { StackPages } from './stack-pages.js';
import {
  DocumentsMetadata,
  DocumentsMetadataList,
  DocumentsMetadataOnChain,
  DocumentsStacks,
} from './stacks.documentation.js';
import { toMetadataBody, toStackBundle } from './stacks.presenter.js';
import { ZkevmApiFilter } from './zkevm-api.filter.js';
import {
  chainNameSchema,
  contractAddressSchema,
  metadataIdParamSchema,
  metadataQuerySchema,
  stacksQuerySchema,
  type MetadataQuery,
} from './zkevm-api.schemas.js';

/** The metadata of stacks, in the wire format of Immutable zkEVM. Public. */
@Controller()
@UseFilters(ZkevmApiFilter)
export class MetadataController {
  constructor(
    private readonly collections: Collections,
    private readonly stacks: Stacks,
    private readonly pages: StackPages,
    private readonly chains: ChainNames,
  ) {}

  @Get(':chain_name/collections/:contract_address/metadata/:metadata_id')
  @DocumentsMetadata()
  async getMetadata(
    @Param('chain_name', validatedBy(chainNameSchema)) chainName: string,
    @Param('contract_address', validatedBy(contractAddressSchema)) address: string,
    @Param('metadata_id', validatedBy(metadataIdParamSchema)) metadataId: string,
  ) {
    const { id: collectionId } = await this.collection(chainName, address);
    const stack = await this.stacks.find(collectionId, metadataId);
    if (!stack) throw new StacksNotFound([metadataId]);
    return { result: toMetadataBody(stack, this.chains) };
  }

  @Get(':chain_name/collections/:contract_address/metadata')
  @DocumentsMetadataList()
  async listMetadata(
    @Param('chain_name', validatedBy(chainNameSchema)) chainName: string,
    @Param('contract_address', validatedBy(contractAddressSchema)) address: string,
    @Query(validatedBy(metadataQuerySchema)) query: MetadataQuery,
  ) {
    const page = await this.pages.ofCollection(await this.collection(chainName, address), query);
    return toPageBody(page, (stack) => toMetadataBody(stack, this.chains));
  }

  @Get(':chain_name/metadata')
  @DocumentsMetadataOnChain()
  async listMetadataOnChain(
    @Param('chain_name', validatedBy(chainNameSchema)) chainName: string,
    @Query(validatedBy(metadataQuerySchema)) query: MetadataQuery,
  ) {
    const page = await this.pages.onChain(this.chains.idOf(chainName), query);
    return toPageBody(page, (stack) => toMetadataBody(stack, this.chains));
  }

  /** Ids that no token on the chain has are left out. */
  @Get(':chain_name/stacks')
  @DocumentsStacks()
  async listStacks(
    @Param('chain_name', validatedBy(chainNameSchema)) chainName: string,
    @Query(validatedBy(stacksQuerySchema)) stackIds: string[],
  ) {
    const stacks = await this.stacks.findOnChain(this.chains.idOf(chainName), stackIds);
    return stacks.map((stack) => toStackBundle(stack, this.chains));
  }

  private collection(chainName: string, address: string) {
    return registeredCollection(this.collections, address, this.chains.idOf(chainName));
  }
}
