import { MetadataRefreshService } from '@app/metadata-refresh';
import {
  CurrentProject,
  RequestCounter,
  RequestRateGuard,
  type CallingProject,
  type CountRequest,
} from '@app/project-auth';
import { Body, Controller, Header, HttpCode, Post, Res, UseFilters, UseGuards } from '@nestjs/common';
import { authenticatedBy } from '../authenticated-by.guard.js';
import { setHeaders, type HttpResponse } from '../http-response.js';
import { JsonBodyGuard } from '../json-body.guard.js';
import { asRefreshingProject } from '../refreshing-project.js';
import { NoQueryGuard } from '../unexpected-input.guards.js';
import { validatedBy } from '../validated-by.js';
import { ProjectApiFilter } from '../project-api/project-api.filter.js';
import { toLimitHeaders } from '../project-api/project-api.presenter.js';
import { DocumentsValidate } from './validation-api.documentation.js';
import { toValidationBody } from './validation-api.presenter.js';
import { validationRequestSchema, type ValidateTokens } from './validation-api.schemas.js';

export const VALIDATE_PATH = 'metadata-refreshes/validate';

/** An addition to the wire format of Immutable X: what a refresh of some tokens would do. */
@Controller()
@UseGuards(authenticatedBy('projectApi'), NoQueryGuard)
@UseFilters(ProjectApiFilter)
export class ValidationController {
  constructor(private readonly refreshes: MetadataRefreshService) {}

  @Post()
  @HttpCode(200)
  @Header('content-type', 'application/json; charset=utf-8')
  @UseGuards(JsonBodyGuard, RequestRateGuard)
  @DocumentsValidate()
  async validate(
    @CurrentProject() project: CallingProject,
    @Body(validatedBy(validationRequestSchema)) body: ValidateTokens,
    @RequestCounter() admit: CountRequest,
    @Res({ passthrough: true }) response: HttpResponse,
  ) {
    const validation = await this.refreshes.validate(asRefreshingProject(project), { ...body, admit });
    setHeaders(response, toLimitHeaders(validation.quota));
    return toValidationBody(validation);
  }
}
