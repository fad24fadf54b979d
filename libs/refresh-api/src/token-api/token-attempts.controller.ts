import { MetadataRefreshService } from '@app/metadata-refresh';
import { CurrentProject, type CallingProject } from '@app/project-auth';
import { Controller, Get, Param, Query, UseFilters, UseGuards } from '@nestjs/common';
import { authenticatedBy } from '../authenticated-by.guard.js';
import { ProjectApiFilter } from '../project-api/project-api.filter.js';
import { asRefreshingProject } from '../refreshing-project.js';
import { tokenIdParamSchema } from '../token-ids.schema.js';
import { validatedBy } from '../validated-by.js';
import { DocumentsAttempts } from './token-api.documentation.js';
import { toAttemptPage } from './token-api.presenter.js';
import { addressParamSchema, attemptsQuerySchema, type AttemptsQuery } from './token-api.schemas.js';

/** The attempts to fetch one token, and how each ended. For the project that owns the collection. */
@Controller()
@UseGuards(authenticatedBy('projectApi'))
@UseFilters(ProjectApiFilter)
export class TokenAttemptsController {
  constructor(private readonly refreshes: MetadataRefreshService) {}

  @Get('tokens/:token_id/attempts')
  @DocumentsAttempts()
  async list(
    @CurrentProject() project: CallingProject,
    @Param('collection_address', validatedBy(addressParamSchema)) collectionAddress: string,
    @Param('token_id', validatedBy(tokenIdParamSchema)) tokenId: string,
    @Query(validatedBy(attemptsQuerySchema)) query: AttemptsQuery,
  ) {
    const token = { collectionAddress, tokenId };
    return toAttemptPage(await this.refreshes.listAttempts(asRefreshingProject(project), token, query));
  }
}
