import { TokenVersions } from '@app/metadata-refresh';
import { Collections } from '@app/token-store';
import { Controller, Get, Header, Param, Query, Req, Res, UseFilters } from '@nestjs/common';
import { sendConditional, type ConditionalRequest } from '../entity-tag.js';
import type { HttpResponse } from '../http-response.js';
import { ProjectApiFilter } from '../project-api/project-api.filter.js';
import { registeredCollection } from '../registered-collection.js';
import { tokenIdParamSchema } from '../token-ids.schema.js';
import { validatedBy } from '../validated-by.js';
import { addressParamSchema, chainSchema, type ChainQuery } from './token-api.schemas.js';
import { DocumentsVersion, DocumentsVersionDiff, DocumentsVersions } from './token-versions.documentation.js';
import { toVersionBody, toVersionDiffBody, toVersionPage } from './token-versions.presenter.js';
import {
  versionDiffQuerySchema,
  versionParamSchema,
  versionsQuerySchema,
  type VersionDiffQuery,
  type VersionsQuery,
} from './token-versions.schemas.js';

const JSON_TEXT = ['content-type', 'application/json; charset=utf-8'] as const;

/** The history of a token: its versions, their documents, and what changed between them. Public, like the record itself. */
@Controller()
@UseFilters(ProjectApiFilter)
export class TokenVersionsController {
  constructor(
    private readonly collections: Collections,
    private readonly versions: TokenVersions,
  ) {}

  @Get('tokens/:token_id/versions')
  @DocumentsVersions()
  async list(
    @Param('collection_address', validatedBy(addressParamSchema)) address: string,
    @Param('token_id', validatedBy(tokenIdParamSchema)) tokenId: string,
    @Query(validatedBy(versionsQuerySchema)) { chainId, limit, before }: VersionsQuery,
  ) {
    const { id: collectionId } = await registeredCollection(this.collections, address, chainId);
    return toVersionPage(await this.versions.list({ collectionId, tokenId }, { limit, before }));
  }

  @Get('tokens/:token_id/versions/:version')
  @Header(...JSON_TEXT)
  @DocumentsVersion()
  async get(
    @Param('collection_address', validatedBy(addressParamSchema)) address: string,
    @Param('token_id', validatedBy(tokenIdParamSchema)) tokenId: string,
    @Param('version', validatedBy(versionParamSchema)) version: number,
    @Query(validatedBy(chainSchema)) { chainId }: ChainQuery,
    @Req() request: ConditionalRequest,
    @Res({ passthrough: true }) response: HttpResponse,
  ) {
    const { id: collectionId } = await registeredCollection(this.collections, address, chainId);
    const found = await this.versions.get({ collectionId, tokenId }, version);
    return sendConditional(request, response, toVersionBody(found));
  }

  @Get('tokens/:token_id/versions/:version/diff')
  @Header(...JSON_TEXT)
  @DocumentsVersionDiff()
  async diff(
    @Param('collection_address', validatedBy(addressParamSchema)) address: string,
    @Param('token_id', validatedBy(tokenIdParamSchema)) tokenId: string,
    @Param('version', validatedBy(versionParamSchema)) from: number,
    @Query(validatedBy(versionDiffQuerySchema)) { chainId, to }: VersionDiffQuery,
    @Req() request: ConditionalRequest,
    @Res({ passthrough: true }) response: HttpResponse,
  ) {
    const collection = await registeredCollection(this.collections, address, chainId);
    const difference = await this.versions.diff(collection, tokenId, { from, to });
    return sendConditional(request, response, toVersionDiffBody(difference));
  }
}
