import { Module } from '@nestjs/common';
import { ProjectApiController } from './project-api/project-api.controller.js';

/** The HTTP API. Needs MetadataRefreshModule and ProjectAuthModule. Nothing of it is global. */
@Module({ controllers: [ProjectApiController] })
export class RefreshApiModule {}
