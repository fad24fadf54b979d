import { MetadataRefreshService } from '@app/metadata-refresh';
import { CurrentProject, RequestRate, type CallingProject } from '@app/project-auth';
import { Controller, Get, Query, Res, UseFilters, UseGuards } from '@nestjs/common';
import { authenticatedBy } from '../authenticated-by.guard.js';
import { validatedBy } from '../validated-by.js';
import { setHeaders, type HttpResponse } from '../http-response.js';
import { strictObject } from '../strict-object.js';
import { asRefreshingProject } from '../refreshing-project.js';
import { DocumentsLimits } from './project-api.documentation.js';
import { ProjectApiFilter } from './project-api.filter.js';
import { toLimitHeaders, toLimitsBody } from './project-api.presenter.js';

export const LIMITS_PATH = 'limits';

const noQuerySchema = strictObject({}, 'a parameter');

/**
 * An addition to the wire format of Immutable X: the caller's limits, and what is left of them. Reading them does not count.
 */
@Controller()
@UseFilters(ProjectApiFilter)
export class LimitsController {
  constructor(
    private readonly refreshes: MetadataRefreshService,
    private readonly rate: RequestRate,
  ) {}

  @Get()
  @UseGuards(authenticatedBy('projectApi'))
  @DocumentsLimits()
  async get(
    @CurrentProject() project: CallingProject,
    @Query(validatedBy(noQuerySchema)) _: object,
    @Res({ passthrough: true }) response: HttpResponse,
  ) {
    const limits = await this.refreshes.readLimits(asRefreshingProject(project));
    setHeaders(response, toLimitHeaders(limits.tokensPerHour));
    return toLimitsBody(this.rate.limitOf(project), limits);
  }
}
