import { MetadataRefreshService } from '@app/metadata-refresh';
import {
  ChecksRequestRateWith,
  CurrentProject,
  RequestCounter,
  RequestRateGuard,
  type CallingProject,
  type CountRequest,
} from '@app/project-auth';
import { Body, Controller, HttpCode, Param, Post, Res, UseFilters, UseGuards } from '@nestjs/common';
import { authenticatedBy } from '../authenticated-by.guard.js';
import { setHeaders, type HttpResponse } from '../http-response.js';
import { IDEMPOTENCY_KEY, IdempotencyKey, REPLAYED_HEADER } from '../idempotency-key.js';
import { JsonBodyGuard } from '../json-body.guard.js';
import { asRefreshingProject } from '../refreshing-project.js';
import { NoBodyGuard, NoQueryGuard } from '../unexpected-input.guards.js';
import { validatedBy } from '../validated-by.js';
import { ProjectApiFilter } from './project-api.filter.js';
import { toLimitHeaders, toRefreshBody } from './project-api.presenter.js';
import { refreshIdSchema } from './project-api.schemas.js';
import { DocumentsCancel, DocumentsPause, DocumentsResume, DocumentsRetry } from './refresh-control.documentation.js';
import { retryRefreshSchema, type RetryRefresh } from './refresh-control.schemas.js';

const RefreshId = () => Param('refresh_id', validatedBy(refreshIdSchema));

/**
 * Additions to the wire format of Immutable X: a project cancels, pauses, resumes and retries its refreshes. Accepted calls count
 * towards its requests per second.
 */
@Controller()
@UseGuards(authenticatedBy('projectApi'), NoQueryGuard, JsonBodyGuard, RequestRateGuard)
@UseFilters(ProjectApiFilter)
export class RefreshControlController {
  constructor(private readonly refreshes: MetadataRefreshService) {}

  @Post(':refresh_id/cancel')
  @HttpCode(202)
  @UseGuards(NoBodyGuard)
  @DocumentsCancel()
  async cancel(
    @CurrentProject() project: CallingProject,
    @RefreshId() refreshId: string,
    @RequestCounter() admit: CountRequest,
  ) {
    return toRefreshBody(await this.refreshes.cancelRefresh(asRefreshingProject(project), refreshId, { admit }));
  }

  @Post(':refresh_id/pause')
  @HttpCode(202)
  @UseGuards(NoBodyGuard)
  @DocumentsPause()
  async pause(
    @CurrentProject() project: CallingProject,
    @RefreshId() refreshId: string,
    @RequestCounter() admit: CountRequest,
  ) {
    return toRefreshBody(await this.refreshes.pauseRefresh(asRefreshingProject(project), refreshId, { admit }));
  }

  @Post(':refresh_id/resume')
  @HttpCode(202)
  @UseGuards(NoBodyGuard)
  @DocumentsResume()
  async resume(
    @CurrentProject() project: CallingProject,
    @RefreshId() refreshId: string,
    @RequestCounter() admit: CountRequest,
  ) {
    return toRefreshBody(await this.refreshes.resumeRefresh(asRefreshingProject(project), refreshId, { admit }));
  }

  @Post(':refresh_id/retry')
  @HttpCode(202)
  @ChecksRequestRateWith(IDEMPOTENCY_KEY)
  @DocumentsRetry()
  async retry(
    @CurrentProject() project: CallingProject,
    @RefreshId() retried: string,
    @Body(validatedBy(retryRefreshSchema)) body: RetryRefresh,
    @IdempotencyKey() key: string | undefined,
    @RequestCounter() admit: CountRequest,
    @Res({ passthrough: true }) response: HttpResponse,
  ) {
    const route = `POST /metadata-refreshes/${retried.toLowerCase()}/retry`;
    const { refreshId, quota, isReplayed } = await this.refreshes.retryRefresh(asRefreshingProject(project), retried, {
      ...body,
      ...(key !== undefined && { idempotency: { route, key, body } }),
      precheck: () => admit.check(),
      admit,
    });
    setHeaders(response, { ...toLimitHeaders(quota), ...(isReplayed && REPLAYED_HEADER) });
    return { refresh_id: refreshId };
  }
}
