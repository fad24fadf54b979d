import { MetadataRefreshService } from '@app/metadata-refresh';
import {
  ChecksRequestRateWith,
  CurrentProject,
  RequestCounter,
  RequestRateGuard,
  type CallingProject,
  type CountRequest,
} from '@app/project-auth';
import { Body, Controller, HttpCode, Inject, Param, Post, Res, UseFilters, UseGuards } from '@nestjs/common';
import type { z } from 'zod';
import { authenticatedBy } from '../authenticated-by.guard.js';
import { setHeaders, type HttpResponse } from '../http-response.js';
import { IDEMPOTENCY_KEY, IdempotencyKey, REPLAYED_HEADER } from '../idempotency-key.js';
import { JsonBodyGuard } from '../json-body.guard.js';
import { REFRESH_API_CONFIG } from '../dialect.js';
import type { PartnerApiConfig } from './partner-api.options.js';
import { asRefreshingProject } from '../refreshing-project.js';
import { validatedBy } from '../validated-by.js';
import { DocumentsRefreshMetadata } from './partner-api.documentation.js';
import { PartnerApiFilter } from './partner-api.filter.js';
import type { initiatedSchema } from './partner-api.responses.js';
import { refreshMetadataSchema, tokenAddressSchema, type RefreshMetadata } from './partner-api.schemas.js';

export const PARTNER_PATH = 'collections/:token_address/refresh_metadata';

/** The refresh API in the shape of Mavis Market's partner API. */
@Controller()
@UseGuards(authenticatedBy('partnerApi', { allowsSignatureReplay: true }))
@UseFilters(PartnerApiFilter)
export class PartnerApiController {
  constructor(
    private readonly refreshes: MetadataRefreshService,
    @Inject(REFRESH_API_CONFIG) private readonly config: PartnerApiConfig,
  ) {}

  @Post()
  @HttpCode(200)
  @UseGuards(JsonBodyGuard, RequestRateGuard)
  @ChecksRequestRateWith(IDEMPOTENCY_KEY)
  @DocumentsRefreshMetadata()
  async refreshMetadata(
    @CurrentProject() project: CallingProject,
    @Param('token_address', validatedBy(tokenAddressSchema)) collectionAddress: string,
    @Body(validatedBy(refreshMetadataSchema)) { tokenIds }: RefreshMetadata,
    @IdempotencyKey() key: string | undefined,
    @RequestCounter() countRequest: CountRequest,
    @Res({ passthrough: true }) response: HttpResponse,
  ): Promise<z.output<typeof initiatedSchema>> {
    const body = { collectionAddress, tokenIds };
    const { refreshId, isReplayed } = await this.refreshes.request(
      asRefreshingProject({
        ...project,
        // A project's own limit, which may be meant for the 1,000 tokens of the project API, can only lower the limit here.
        tokensPerRequest: Math.min(project.tokensPerRequest ?? Infinity, this.config.partnerTokensPerRequest),
      }),
      {
        ...body,
        trigger: 'partner_api',
        unknownTokens: 'reject',
        ...(key !== undefined && { idempotency: { route: 'POST refresh_metadata', key, body } }),
        precheck: () => countRequest.check(),
        admit: countRequest,
      },
    );
    if (isReplayed) setHeaders(response, REPLAYED_HEADER);
    return { message: 'Metadata refresh initiated', refresh_id: refreshId };
  }
}
