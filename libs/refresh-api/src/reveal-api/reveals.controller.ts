import { Reveals } from '@app/metadata-refresh';
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
import { setHeaders, type HttpResponse } from '../http-response.js';
import { IDEMPOTENCY_KEY, IdempotencyKey, REPLAYED_HEADER } from '../idempotency-key.js';
import { JsonBodyGuard } from '../json-body.guard.js';
import { ProjectApiFilter } from '../project-api/project-api.filter.js';
import { toLimitHeaders } from '../project-api/project-api.presenter.js';
import { asRefreshingProject } from '../refreshing-project.js';
import { restoreSchema, type Restore } from '../token-api/token-versions.schemas.js';
import { NoBodyGuard, NoQueryGuard } from '../unexpected-input.guards.js';
import { validatedBy } from '../validated-by.js';
import {
  DocumentsCancelReveal,
  DocumentsCreateReveal,
  DocumentsGetReveal,
  DocumentsListReveals,
  DocumentsPublishReveal,
  DocumentsRevertReveal,
} from './reveal-api.documentation.js';
import { toRevealBody, toRevealPage } from './reveal-api.presenter.js';
import { toRevealDetails } from './reveal-preview.presenter.js';
import {
  createRevealSchema,
  listRevealsSchema,
  publishRevealSchema,
  revealIdSchema,
  type CreateReveal,
  type ListReveals,
  type PublishReveal,
} from './reveal-api.schemas.js';

export const REVEALS_PATH = 'reveals';

const RevealId = () => Param('reveal_id', validatedBy(revealIdSchema));

/** A project stages the documents of its tokens, inspects them, and shows them all at the same moment. */
@Controller()
@UseGuards(authenticatedBy('projectApi'))
@UseFilters(ProjectApiFilter)
export class RevealsController {
  constructor(private readonly reveals: Reveals) {}

  @Post()
  @HttpCode(202)
  @UseGuards(NoQueryGuard, JsonBodyGuard, RequestRateGuard)
  @ChecksRequestRateWith(IDEMPOTENCY_KEY)
  @DocumentsCreateReveal()
  async create(
    @CurrentProject() project: CallingProject,
    @Body(validatedBy(createRevealSchema)) body: CreateReveal,
    @IdempotencyKey() key: string | undefined,
    @RequestCounter() countRequest: CountRequest,
    @Res({ passthrough: true }) response: HttpResponse,
  ) {
    const { revealId, refreshId, quota, isReplayed } = await this.reveals.create(asRefreshingProject(project), {
      ...body,
      ...(key !== undefined && { idempotency: { route: 'POST /reveals', key, body } }),
      precheck: () => countRequest.check(),
      admit: countRequest,
    });
    setHeaders(response, { ...toLimitHeaders(quota), ...(isReplayed && REPLAYED_HEADER) });
    return { reveal_id: revealId, refresh_id: refreshId };
  }

  @Get()
  @DocumentsListReveals()
  async list(@CurrentProject() project: CallingProject, @Query(validatedBy(listRevealsSchema)) query: ListReveals) {
    return toRevealPage(await this.reveals.list({ ...query, projectId: project.id }));
  }

  @Get(':reveal_id')
  @UseGuards(NoQueryGuard)
  @DocumentsGetReveal()
  async get(@CurrentProject() project: CallingProject, @RevealId() revealId: string) {
    const reference = { revealId, projectId: project.id };
    const [reveal, changes] = [await this.reveals.get(reference), await this.reveals.findChanges(reference)];
    return toRevealDetails(reveal, changes);
  }

  @Post(':reveal_id/publish')
  @HttpCode(202)
  @UseGuards(NoQueryGuard, JsonBodyGuard, RequestRateGuard)
  @DocumentsPublishReveal()
  async publish(
    @CurrentProject() project: CallingProject,
    @RevealId() revealId: string,
    @Body(validatedBy(publishRevealSchema)) body: PublishReveal,
    @RequestCounter() countRequest: CountRequest,
  ) {
    return toRevealBody(await this.reveals.publish({ revealId, projectId: project.id }, body, countRequest));
  }

  @Post(':reveal_id/revert')
  @HttpCode(202)
  @UseGuards(NoQueryGuard, JsonBodyGuard, RequestRateGuard)
  @DocumentsRevertReveal()
  async revert(
    @CurrentProject() project: CallingProject,
    @RevealId() revealId: string,
    @Body(validatedBy(restoreSchema)) body: Restore,
    @RequestCounter() countRequest: CountRequest,
  ) {
    return toRevealBody(await this.reveals.revert({ revealId, projectId: project.id }, body, countRequest));
  }

  @Post(':reveal_id/cancel')
  @HttpCode(202)
  @UseGuards(NoQueryGuard, JsonBodyGuard, RequestRateGuard, NoBodyGuard)
  @DocumentsCancelReveal()
  async cancel(
    @CurrentProject() project: CallingProject,
    @RevealId() revealId: string,
    @RequestCounter() countRequest: CountRequest,
  ) {
    return toRevealBody(await this.reveals.cancel({ revealId, projectId: project.id }, countRequest));
  }
}
