import { CollectionNotOwned, CollectionRecords, MetadataRefreshService, type PushReceipt } from '@app/metadata-refresh';
import {
  CurrentProject,
  RequestCounter,
  RequestRateGuard,
  type CallingProject,
  type CountRequest,
} from '@app/project-auth';
import { Collections, type CollectionProfile } from '@app/token-store';
import { Body, Controller, HttpCode, Inject, Param, Post, Res, UseFilters, UseGuards } from '@nestjs/common';
import type { z } from 'zod';
import { setHeaders, type HttpResponse } from '../http-response.js';
import { JsonBodyGuard } from '../json-body.guard.js';
import { REFRESH_API_CONFIG } from '../dialect.js';
import type { ZkevmApiConfig } from './zkevm-api.options.js';
import { asRefreshingProject } from '../refreshing-project.js';
import { registeredCollection } from '../registered-collection.js';
import { validatedBy } from '../validated-by.js';
import { ChainNames } from './chain-names.js';
import { pushCollectionSchema } from './collection-metadata.schema.js';
import { DocumentsPushCollection } from './collections.documentation.js';
import { toProfileBody } from './collections.presenter.js';
import { secondsToNextPush, toLimitHeaders, toLimitsBody } from './limits.presenter.js';
import {
  pushNftMetadataSchema,
  pushStackMetadataSchema,
  requireAllFields,
  toPushedStack,
  toPushedToken,
  type PushNftMetadata,
  type PushStackMetadata,
} from './pushed-items.schema.js';
import { DocumentsPushStacks } from './stacks.documentation.js';
import { DocumentsPushNftMetadata } from './zkevm-api.documentation.js';
import { ZkevmApiFilter } from './zkevm-api.filter.js';
import { ZkevmApiKeyGuard } from './zkevm-api-key.guard.js';
import type { pushedCollectionSchema, pushReceiptSchema } from './zkevm-api.responses.js';
import { chainNameSchema, contractAddressSchema } from './zkevm-api.schemas.js';

/** Metadata that its owner sends, in the wire format of Immutable zkEVM. */
@Controller()
@UseGuards(ZkevmApiKeyGuard)
@UseFilters(ZkevmApiFilter)
export class PushController {
  constructor(
    private readonly refreshes: MetadataRefreshService,
    private readonly collections: Collections,
    private readonly records: CollectionRecords,
    private readonly chains: ChainNames,
    @Inject(REFRESH_API_CONFIG) private readonly config: ZkevmApiConfig,
  ) {}

  @Post(':chain_name/collections/:contract_address/nfts/refresh-metadata')
  @HttpCode(202)
  @UseGuards(JsonBodyGuard, RequestRateGuard)
  @DocumentsPushNftMetadata()
  async pushNftMetadata(
    @CurrentProject() project: CallingProject,
    @Param('chain_name', validatedBy(chainNameSchema)) chainName: string,
    @Param('contract_address', validatedBy(contractAddressSchema)) collectionAddress: string,
    @Body(validatedBy(pushNftMetadataSchema)) items: PushNftMetadata,
    @RequestCounter() countRequest: CountRequest,
    @Res({ passthrough: true }) response: HttpResponse,
  ): Promise<z.output<typeof pushReceiptSchema>> {
    if (this.config.missingKeys === 'reject') requireAllFields('nft_metadata', items);
    const receipt = await this.refreshes.push(asRefreshingProject(project), {
      chainId: this.chains.idOf(chainName),
      collectionAddress,
      tokens: items.map(toPushedToken),
      admit: countRequest,
    });
    return toReceiptBody(receipt, response);
  }

  @Post(':chain_name/collections/:contract_address/metadata/refresh-metadata')
  @HttpCode(202)
  @UseGuards(JsonBodyGuard, RequestRateGuard)
  @DocumentsPushStacks()
  async pushStacks(
    @CurrentProject() project: CallingProject,
    @Param('chain_name', validatedBy(chainNameSchema)) chainName: string,
    @Param('contract_address', validatedBy(contractAddressSchema)) collectionAddress: string,
    @Body(validatedBy(pushStackMetadataSchema)) items: PushStackMetadata,
    @RequestCounter() countRequest: CountRequest,
    @Res({ passthrough: true }) response: HttpResponse,
  ): Promise<z.output<typeof pushReceiptSchema>> {
    if (this.config.missingKeys === 'reject') requireAllFields('metadata', items);
    const receipt = await this.refreshes.pushStacks(asRefreshingProject(project), {
      chainId: this.chains.idOf(chainName),
      collectionAddress,
      stacks: items.map(toPushedStack),
      admit: countRequest,
    });
    return toReceiptBody(receipt, response);
  }

  @Post(':chain_name/collections/:contract_address/refresh-metadata')
  @HttpCode(200)
  @UseGuards(JsonBodyGuard, RequestRateGuard)
  @DocumentsPushCollection()
  async pushCollection(
    @CurrentProject() { id: projectId }: CallingProject,
    @Param('chain_name', validatedBy(chainNameSchema)) chainName: string,
    @Param('contract_address', validatedBy(contractAddressSchema)) address: string,
    @Body(validatedBy(pushCollectionSchema)) profile: CollectionProfile,
    @RequestCounter() countRequest: CountRequest,
  ): Promise<z.output<typeof pushedCollectionSchema>> {
    const chainId = this.chains.idOf(chainName);
    const collection = await registeredCollection(this.collections, address, chainId);
    if (collection.projectId !== projectId) throw new CollectionNotOwned(address);
    await this.records.push(collection.id, profile, countRequest);
    return {
      chain: this.chains.of(chainId),
      contract_address: address,
      collection_metadata: toProfileBody(profile),
    };
  }
}

function toReceiptBody({ refreshId, quota }: PushReceipt, response: HttpResponse): z.output<typeof pushReceiptSchema> {
  const retryAfterSeconds = secondsToNextPush(quota);
  setHeaders(response, toLimitHeaders(quota, retryAfterSeconds));
  return { ...toLimitsBody(quota, retryAfterSeconds), refresh_id: refreshId };
}
