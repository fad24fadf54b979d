import { MetadataRefreshService } from '@app/metadata-refresh';
import { ApiKeyGuard, CurrentProject, type CallingProject } from '@app/project-auth';
import { asRefreshingProject, fallbackController } from '@app/refresh-api';
import { Body, Controller, HttpCode, Inject, Param, Post, UseFilters, UseGuards } from '@nestjs/common';
import { ApiResponse, ApiSecurity, ApiTags } from '@nestjs/swagger';
import { AcmeApiFilter } from './acme-api.filter.js';

export const GREETING = Symbol('Greeting');

@Controller()
@UseGuards(ApiKeyGuard)
@UseFilters(AcmeApiFilter)
@ApiTags('Acme API')
@ApiSecurity('acmeKey')
export class AcmeController {
  constructor(
    private readonly refreshes: MetadataRefreshService,
    @Inject(GREETING) private readonly greeting: string,
  ) {}

  @Post(':address/renew')
  @HttpCode(201)
  @ApiResponse({ status: 201 })
  @ApiResponse({ status: 400 })
  @ApiResponse({ status: 401 })
  @ApiResponse({ status: 404 })
  @ApiResponse({ status: 413 })
  async renew(
    @CurrentProject() project: CallingProject,
    @Param('address') collectionAddress: string,
    @Body() tokenIds: string[],
  ) {
    const { refreshId } = await this.refreshes.request(asRefreshingProject(project), {
      collectionAddress,
      tokenIds,
    });
    return { greeting: this.greeting, job: refreshId };
  }
}

export const AcmeFallbackController = fallbackController('AcmeFallbackController', AcmeApiFilter, {
  methods: { ':address/renew': 'POST' },
});
