import { MetadataRefreshService } from '@app/metadata-refresh';
import { CurrentProject, RequestRate, type CallingProject } from '@app/project-auth';
import {
  All,
  Controller,
  Get,
  HttpCode,
  NotFoundException,
  Query,
  Req,
  Res,
  UseFilters,
  UseGuards,
} from '@nestjs/common';
import { ApiExcludeEndpoint } from '@nestjs/swagger';
import { authenticatedBy } from '../authenticated-by.guard.js';
import { checkedBy } from '../checked-by.js';
import { setHeaders, type HttpResponse } from '../http-response.js';
import { strictObject } from '../strict-object.js';
import { asRefreshingProject } from '../refreshing-project.js';
import { refuseMethod } from '../wrong-method.js';
import { DocumentsLimits } from './project-api.documentation.js';
import { ProjectApiFilter } from './project-api.filter.js';
import { toLimitHeaders, toLimitsBody } from './project-api.presenter.js';

export const LIMITS_PATH = 'limits';

const noQuerySchema = strictObject({}, 'a parameter');

/** Ours, beside the contract: what the caller may ask for, and what is left of it. Asking takes nothing. */
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
    @Query(checkedBy(noQuerySchema)) _: object,
    @Res({ passthrough: true }) response: HttpResponse,
  ) {
    const limits = await this.refreshes.readLimits(asRefreshingProject(project));
    setHeaders(response, toLimitHeaders(limits.tokensPerHour));
    return toLimitsBody(this.rate.limitOf(project), limits);
  }

  @All()
  @HttpCode(204)
  @ApiExcludeEndpoint()
  wrongMethod(@Req() { method }: { method: string }, @Res({ passthrough: true }) response: HttpResponse): void {
    refuseMethod(method, 'GET', response);
  }

  @All('*path')
  @ApiExcludeEndpoint()
  onNothing(@Req() { method, url }: { method: string; url: string }): void {
    throw new NotFoundException(`There is no ${method} ${url.split('?', 1)[0]}.`);
  }
}
