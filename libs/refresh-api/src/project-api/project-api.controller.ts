import { MetadataRefreshService } from '@app/metadata-refresh';
import {
  ChecksRequestRateWith,
  CurrentProject,
  RequestCounter,
  RequestRateGuard,
  type CallingProject,
  type CountRequest,
} from '@app/project-auth';
import { Body, Controller, Get, HttpCode, Param, Post, Query, Res, UseFilters, UseGuards } from '@nestjs/common';
import { authenticatedBy } from '../authenticated-by.guard.js';
import { IDEMPOTENCY_KEY, IdempotencyKey, REPLAYED_HEADER } from '../idempotency-key.js';
import { JsonBodyGuard } from '../json-body.guard.js';
import { asRefreshingProject } from '../refreshing-project.js';
import { setHeaders, type HttpResponse } from '../http-response.js';
import { DocumentsCreate, DocumentsGet, DocumentsList, DocumentsListErrors } from './project-api.documentation.js';
import { ProjectApiFilter } from './project-api.filter.js';
import { toErrorPage, toLimitHeaders, toRefreshBody, toRefreshPage } from './project-api.presenter.js';
import {
  listErrorsSchema,
  listRefreshesSchema,
  refreshIdSchema,
  type ListErrors,
  type ListRefreshes,
} from './project-api.schemas.js';
import { createRefreshSchema, type CreateRefresh } from './refresh-request.schema.js';
import { validatedBy } from '../validated-by.js';

export const REFRESHES_PATH = 'metadata-refreshes';

/** The refresh API in the wire format of Immutable X. */
@Controller()
@UseGuards(authenticatedBy('projectApi', { allowsSignatureReplay: true }))
@UseFilters(ProjectApiFilter)
export class ProjectApiController {
  constructor(private readonly refreshes: MetadataRefreshService) {}

  @Post()
  @HttpCode(202)
  @UseGuards(JsonBodyGuard, RequestRateGuard)
  @ChecksRequestRateWith(IDEMPOTENCY_KEY)
  @DocumentsCreate()
  async create(
    @CurrentProject() project: CallingProject,
    @Body(validatedBy(createRefreshSchema)) body: CreateRefresh,
    @IdempotencyKey() key: string | undefined,
    @RequestCounter() countRequest: CountRequest,
    @Res({ passthrough: true }) response: HttpResponse,
  ) {
    const { refreshId, quota, isReplayed } = await this.refreshes.request(asRefreshingProject(project), {
      ...body,
      ...(key !== undefined && { idempotency: { route: 'POST /metadata-refreshes', key, body } }),
      precheck: () => countRequest.check(),
      admit: countRequest,
    });
    setHeaders(response, { ...toLimitHeaders(quota), ...(isReplayed && REPLAYED_HEADER) });
    return { refresh_id: refreshId };
  }

  @Get()
  @DocumentsList()
  async list(@CurrentProject() project: CallingProject, @Query(validatedBy(listRefreshesSchema)) query: ListRefreshes) {
    return toRefreshPage(await this.refreshes.listRefreshes(asRefreshingProject(project), query));
  }

  @Get(':refresh_id')
  @DocumentsGet()
  async get(
    @CurrentProject() project: CallingProject,
    @Param('refresh_id', validatedBy(refreshIdSchema)) refreshId: string,
  ) {
    return toRefreshBody(await this.refreshes.getRefresh(asRefreshingProject(project), refreshId));
  }

  @Get(':refresh_id/errors')
  @DocumentsListErrors()
  async listErrors(
    @CurrentProject() project: CallingProject,
    @Param('refresh_id', validatedBy(refreshIdSchema)) refreshId: string,
    @Query(validatedBy(listErrorsSchema)) query: ListErrors,
  ) {
    return toErrorPage(await this.refreshes.listErrors(asRefreshingProject(project), refreshId, query));
  }
}
