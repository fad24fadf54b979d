import { MetadataRefreshService } from '@app/metadata-refresh';
import {
  CurrentProject,
  RequestCounter,
  RequestRateGuard,
  type CallingProject,
  type CountRequest,
} from '@app/project-auth';
import { Body, Controller, HttpCode, Post, Res, UseFilters, UseGuards } from '@nestjs/common';
import { authenticatedBy } from '../authenticated-by.guard.js';
import { setHeaders, type HttpResponse } from '../http-response.js';
import { JsonBodyGuard } from '../json-body.guard.js';
import { asRefreshingProject } from '../refreshing-project.js';
import { validatedBy } from '../validated-by.js';
import { ProjectApiFilter } from './project-api.filter.js';
import { toLimitHeaders } from './project-api.presenter.js';
import { DocumentsEstimate, toEstimateBody } from './refresh-estimate.js';
import { estimateSchema, type CreateRefresh } from './refresh-request.schema.js';

export const ESTIMATE_PATH = 'metadata-refreshes/estimate';

/** An addition to the wire format of Immutable X: what a refresh would take. */
@Controller()
@UseFilters(ProjectApiFilter)
export class RefreshEstimateController {
  constructor(private readonly refreshes: MetadataRefreshService) {}

  @Post()
  @HttpCode(200)
  @UseGuards(authenticatedBy('projectApi', { allowsSignatureReplay: true }), JsonBodyGuard, RequestRateGuard)
  @DocumentsEstimate()
  async estimate(
    @CurrentProject() project: CallingProject,
    @Body(validatedBy(estimateSchema)) body: CreateRefresh,
    @RequestCounter() countRequest: CountRequest,
    @Res({ passthrough: true }) response: HttpResponse,
  ) {
    // Counting a million tokens costs as much as a request for them.
    await countRequest();
    const estimate = await this.refreshes.estimate(asRefreshingProject(project), body);
    setHeaders(response, toLimitHeaders(estimate.quota));
    return toEstimateBody(estimate);
  }
}
