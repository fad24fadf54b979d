import {
  CurrentProject,
  RequestCounter,
  RequestRateGuard,
  type CallingProject,
  type CountRequest,
} from '@app/project-auth';
import { CollectionRecords, MetadataRefreshService } from '@app/metadata-refresh';
import { Collections, TokenStore, type Collection, type CollectionSource } from '@app/token-store';
import {
  Body,
  Controller,
  Get,
  HttpCode,
  Inject,
  Param,
  Patch,
  Post,
  Query,
  UseFilters,
  UseGuards,
} from '@nestjs/common';
import { authenticatedBy } from '../authenticated-by.guard.js';
import { validatedBy } from '../validated-by.js';
import { collectionOnChain } from '../collection-on-chain.js';
import { InvalidRequest } from '../invalid-request.js';
import { JsonBodyGuard } from '../json-body.guard.js';
import { ProjectApiFilter } from '../project-api/project-api.filter.js';
import { REFRESH_API_CONFIG } from '../dialect.js';
import type { ProjectApiConfig } from '../project-api/project-api.options.js';
import { ResourceNotFound } from '../resource-not-found.js';
import { NoBodyGuard } from '../unexpected-input.guards.js';
import { addressParamSchema, chainSchema, type ChainQuery } from '../token-api/token-api.schemas.js';
import {
  DocumentsChangeCollection,
  DocumentsCollection,
  DocumentsCollections,
  DocumentsRefreshCollection,
  DocumentsRegisterTokens,
} from './collection-api.documentation.js';
import { toCollectionBody, toCollectionPage, toRecordRequestBody } from './collection-api.presenter.js';
import {
  changeCollectionSchema,
  listCollectionsSchema,
  registerTokensSchema,
  type ChangeCollection,
  type ListCollections,
  type RegisterTokens,
} from './collection-api.schemas.js';

export const COLLECTIONS_PATH = 'collections';

/**
 * The routes with which a project reads and changes its own collections. An operator decides which contract belongs to which
 * project and how many requests a host gets, so these routes add and remove nothing and do not change the host concurrency.
 */
@Controller()
@UseGuards(authenticatedBy('projectApi'))
@UseFilters(ProjectApiFilter)
export class CollectionsController {
  constructor(
    private readonly collections: Collections,
    private readonly tokens: TokenStore,
    private readonly refreshes: MetadataRefreshService,
    private readonly records: CollectionRecords,
    @Inject(REFRESH_API_CONFIG) private readonly config: ProjectApiConfig,
  ) {}

  @Get()
  @DocumentsCollections()
  async list(
    @CurrentProject() { id: projectId }: CallingProject,
    @Query(validatedBy(listCollectionsSchema)) { limit, after }: ListCollections,
  ) {
    const behind = after && { id: after.id, createdAt: new Date(after.createdAt) };
    return toCollectionPage(await this.collections.list({ projectId, limit: limit + 1, after: behind }), limit);
  }

  @Get(':collection_address')
  @DocumentsCollection()
  async get(
    @CurrentProject() project: CallingProject,
    @Param('collection_address', validatedBy(addressParamSchema)) address: string,
    @Query(validatedBy(chainSchema)) { chainId }: ChainQuery,
  ) {
    const collection = await this.ownCollection(project, address, chainId);
    return toCollectionBody(collection, await this.tokens.countTokens(collection.id));
  }

  @Patch(':collection_address')
  @UseGuards(JsonBodyGuard, RequestRateGuard)
  @DocumentsChangeCollection()
  async change(
    @CurrentProject() project: CallingProject,
    @Param('collection_address', validatedBy(addressParamSchema)) address: string,
    @Query(validatedBy(chainSchema)) { chainId }: ChainQuery,
    @Body(validatedBy(changeCollectionSchema)) body: ChangeCollection,
    @RequestCounter() countRequest: CountRequest,
  ) {
    const { id, sourceKind } = await this.ownCollection(project, address, chainId);
    const { pushPolicy } = body;
    const source = pushPolicy === undefined ? toSource(body, sourceKind) : undefined;
    if (source?.kind === 'metadata_api') this.checkMetadataUrl(source.url);
    await countRequest();
    const collection = await this.collections.update(id, { source, pushPolicy });
    return toCollectionBody(collection, await this.tokens.countTokens(id));
  }

  @Post(':collection_address/tokens')
  @HttpCode(200)
  @UseGuards(JsonBodyGuard, RequestRateGuard)
  @DocumentsRegisterTokens()
  async registerTokens(
    @CurrentProject() project: CallingProject,
    @Param('collection_address', validatedBy(addressParamSchema)) address: string,
    @Query(validatedBy(chainSchema)) { chainId }: ChainQuery,
    @Body(validatedBy(registerTokensSchema)) tokenIds: RegisterTokens,
    @RequestCounter() countRequest: CountRequest,
  ) {
    const { registeredTokensPerRequest: most, tokensPerCollection: collectionTokens } = this.config;
    if (tokenIds.length > most) {
      throw new InvalidRequest(`token_ids must have at most ${most} ids; it has ${tokenIds.length}`);
    }
    const { id } = await this.ownCollection(project, address, chainId);
    await countRequest();
    const registered = await this.tokens.registerTokens(id, tokenIds, { collectionTokens });
    return { registered, already_registered: tokenIds.length - registered };
  }

  @Post(':collection_address/refresh')
  @HttpCode(202)
  @UseGuards(JsonBodyGuard, NoBodyGuard, RequestRateGuard)
  @DocumentsRefreshCollection()
  async refreshRecord(
    @CurrentProject() project: CallingProject,
    @Param('collection_address', validatedBy(addressParamSchema)) address: string,
    @Query(validatedBy(chainSchema)) { chainId }: ChainQuery,
    @RequestCounter() countRequest: CountRequest,
  ) {
    const collection = await this.ownCollection(project, address, chainId);
    await countRequest();
    return toRecordRequestBody(collection, await this.records.request(collection));
  }

  /** Checks a metadata URL like a webhook's, so that a project need not learn of its mistake from failed refreshes. */
  private checkMetadataUrl(url: string): void {
    const reason = this.refreshes.rejectionReason(url);
    if (reason) throw new InvalidRequest(`metadata_url ${JSON.stringify(url)} is not allowed: ${reason}`);
  }

  /** Throws the same error for a row of another project as for one that does not exist. */
  private async ownCollection(
    project: CallingProject,
    address: string,
    chainId: number | undefined,
  ): Promise<Collection> {
    const registered = await this.collections.findByAddress(address);
    const own = registered.filter(({ projectId }) => projectId === project.id);
    const collection = collectionOnChain(own, address, chainId);
    if (!collection) {
      throw new ResourceNotFound('collection_not_found', `Collection ${address} is not a collection of this project.`);
    }
    return collection;
  }
}

/** An operator decided whether the metadata comes from a contract, a Metadata API or its owner, so this does not change. */
function toSource({ metadataUrl, uriRule }: ChangeCollection, kind: CollectionSource['kind']): CollectionSource {
  if (metadataUrl !== undefined && kind === 'metadata_api') return { kind, url: metadataUrl };
  if (uriRule !== undefined && kind === 'chain') return { kind, uriRule };
  if (kind === 'pushed')
    throw new InvalidRequest('metadata_url and uri_rule cannot be set: its owner pushes the metadata');
  throw new InvalidRequest(
    kind === 'chain'
      ? 'metadata_url cannot be set: the contract of this collection returns its token URIs'
      : 'uri_rule cannot be set: the documents of this collection are at its metadata_url',
  );
}
