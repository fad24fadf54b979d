import { MetadataRefreshService } from '@app/metadata-refresh';
import {
  CurrentProject,
  RequestCounter,
  RequestRateGuard,
  type CallingProject,
  type CountRequest,
} from '@app/project-auth';
import { Body, Controller, Delete, HttpCode, Param, Post, Query, UseFilters, UseGuards } from '@nestjs/common';
import { authenticatedBy } from '../authenticated-by.guard.js';
import { JsonBodyGuard } from '../json-body.guard.js';
import { ProjectApiFilter } from '../project-api/project-api.filter.js';
import { asRefreshingProject } from '../refreshing-project.js';
import { NoBodyGuard } from '../unexpected-input.guards.js';
import { tokenIdParamSchema } from '../token-ids.schema.js';
import { validatedBy } from '../validated-by.js';
import { addressParamSchema, chainSchema, type ChainQuery } from './token-api.schemas.js';
import { DocumentsEndHold, DocumentsRestore } from './token-restore.documentation.js';
import { restoreSchema, versionParamSchema, type Restore } from './token-versions.schemas.js';

/** For the project that owns the collection: shows an earlier version again, and ends a hold. */
@Controller()
@UseGuards(authenticatedBy('projectApi'), JsonBodyGuard, RequestRateGuard)
@UseFilters(ProjectApiFilter)
export class TokenRestoreController {
  constructor(private readonly refreshes: MetadataRefreshService) {}

  @Post('tokens/:token_id/versions/:version/restore')
  @HttpCode(200)
  @DocumentsRestore()
  async restore(
    @CurrentProject() project: CallingProject,
    @Param('collection_address', validatedBy(addressParamSchema)) collectionAddress: string,
    @Param('token_id', validatedBy(tokenIdParamSchema)) tokenId: string,
    @Param('version', validatedBy(versionParamSchema)) version: number,
    @Query(validatedBy(chainSchema)) { chainId }: ChainQuery,
    @Body(validatedBy(restoreSchema)) { holdUntil }: Restore,
    @RequestCounter() admit: CountRequest,
  ) {
    const request = { collectionAddress, chainId, tokenId, version, holdUntil, admit };
    const { refreshId, verdict, metadataVersion } = await this.refreshes.restoreVersion(
      asRefreshingProject(project),
      request,
    );
    return { refresh_id: refreshId, verdict, metadata_version: metadataVersion };
  }

  @Delete('tokens/:token_id/hold')
  @HttpCode(204)
  @UseGuards(NoBodyGuard)
  @DocumentsEndHold()
  async endHold(
    @CurrentProject() project: CallingProject,
    @Param('collection_address', validatedBy(addressParamSchema)) collectionAddress: string,
    @Param('token_id', validatedBy(tokenIdParamSchema)) tokenId: string,
    @Query(validatedBy(chainSchema)) { chainId }: ChainQuery,
    @RequestCounter() countRequest: CountRequest,
  ) {
    await countRequest();
    await this.refreshes.endHold(asRefreshingProject(project), { collectionAddress, chainId, tokenId });
  }
}
