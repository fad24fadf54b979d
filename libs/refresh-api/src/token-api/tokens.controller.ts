import { CollectionRecords } from '@app/metadata-refresh';
import { CollectionProfiles, Collections, TokenStore } from '@app/token-store';
import { Controller, Get, Header, Param, Query, Req, Res, UseFilters } from '@nestjs/common';
import { sendConditional, type ConditionalRequest } from '../entity-tag.js';
import type { HttpResponse } from '../http-response.js';
import { ProjectApiFilter } from '../project-api/project-api.filter.js';
import { tokenIdParamSchema } from '../token-ids.schema.js';
import { validatedBy } from '../validated-by.js';
import { registeredCollection } from '../registered-collection.js';
import { DocumentsCollectionRecord, DocumentsToken, DocumentsTraits } from './token-api.documentation.js';
import { ResourceNotFound } from '../resource-not-found.js';
import { toCollectionRecordBody, toTokenBody, toTraitsBody } from './token-api.presenter.js';
import {
  addressParamSchema,
  chainSchema,
  traitsQuerySchema,
  type ChainQuery,
  type TraitsQuery,
} from './token-api.schemas.js';

export const TOKENS_PATH = 'collections/:collection_address';

/** The routes for listing pages: token records, and the record and the traits of a collection. Public, like such pages. */
@Controller()
@UseFilters(ProjectApiFilter)
export class TokensController {
  constructor(
    private readonly collections: Collections,
    private readonly tokens: TokenStore,
    private readonly profiles: CollectionProfiles,
    private readonly records: CollectionRecords,
  ) {}

  @Get('metadata')
  @Header('content-type', 'application/json; charset=utf-8')
  @DocumentsCollectionRecord()
  async record(
    @Param('collection_address', validatedBy(addressParamSchema)) address: string,
    @Query(validatedBy(chainSchema)) { chainId }: ChainQuery,
    @Req() request: ConditionalRequest,
    @Res({ passthrough: true }) response: HttpResponse,
  ) {
    const collection = await registeredCollection(this.collections, address, chainId);
    const found = await this.profiles.findWithDocument(collection.id);
    const state = await this.records.findState(collection.id);
    return sendConditional(request, response, toCollectionRecordBody(collection, found, state));
  }

  @Get('traits')
  @Header('content-type', 'application/json; charset=utf-8')
  @DocumentsTraits()
  async traits(
    @Param('collection_address', validatedBy(addressParamSchema)) address: string,
    @Query(validatedBy(traitsQuerySchema)) { chainId, valuesPerType }: TraitsQuery,
    @Req() request: ConditionalRequest,
    @Res({ passthrough: true }) response: HttpResponse,
  ) {
    const collection = await registeredCollection(this.collections, address, chainId);
    const traits = await this.tokens.listTraits({ collectionId: collection.id, valuesPerType });
    return sendConditional(request, response, JSON.stringify(toTraitsBody(collection, traits)));
  }

  @Get('tokens/:token_id')
  @Header('content-type', 'application/json; charset=utf-8')
  @DocumentsToken()
  async token(
    @Param('collection_address', validatedBy(addressParamSchema)) address: string,
    @Param('token_id', validatedBy(tokenIdParamSchema)) tokenId: string,
    @Query(validatedBy(chainSchema)) { chainId }: ChainQuery,
    @Req() request: ConditionalRequest,
    @Res({ passthrough: true }) response: HttpResponse,
  ) {
    const { id: collectionId } = await registeredCollection(this.collections, address, chainId);
    const found = await this.tokens.findTokenWithDocument({ collectionId, tokenId });
    if (!found)
      throw new ResourceNotFound('token_not_found', `Token ${tokenId} of collection ${address} is not registered.`);
    return sendConditional(request, response, toTokenBody(found.token, found.document));
  }
}
