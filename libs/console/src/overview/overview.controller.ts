import { BoundedReads, MetadataRefreshService } from '@app/metadata-refresh';
import { ProjectNotFound, Projects, RequestRate } from '@app/project-auth';
import { asRefreshingProject } from '@app/refresh-api';
import { Controller, Get, Req, Res, UseFilters, UseGuards } from '@nestjs/common';
import { ApiExcludeController } from '@nestjs/swagger';
import { ConsoleFilter } from '../console.filter.js';
import { notFound } from '../console.errors.js';
import { HostViews } from '../hosts/host-views.js';
import type { HttpRequest, HttpResponse } from '../http.js';
import type { Person } from '../person.js';
import { toApiKey } from '../projects/project-views.js';
import { toQuota } from '../refreshes/refreshes.presenter.js';
import { Responder } from '../responder.js';
import { OwnPage } from '../session/own-page.js';
import { CurrentPerson, PersonGuard } from '../session/person.guard.js';
import { SharedReads } from '../shared-reads.js';
import type { Limits } from '../wire/project.schema.js';
import { OverviewViews } from './overview-views.js';

/** The overview, the workers, and the limits of a partner. */
@ApiExcludeController()
@Controller()
@UseFilters(ConsoleFilter)
@UseGuards(OwnPage, PersonGuard)
export class OverviewController {
  constructor(
    private readonly views: OverviewViews,
    private readonly hosts: HostViews,
    private readonly reads: BoundedReads,
    private readonly refreshes: MetadataRefreshService,
    private readonly rate: RequestRate,
    private readonly projects: Projects,
    private readonly shared: SharedReads,
    private readonly responder: Responder,
  ) {}

  @Get('overview')
  async overview(
    @CurrentPerson() person: Person,
    @Req() request: HttpRequest,
    @Res() response: HttpResponse,
  ): Promise<void> {
    this.responder.send(request, response, await this.shared.read(person, request, () => this.views.read(person)));
  }

  @Get('workers')
  async workers(
    @CurrentPerson() person: Person,
    @Req() request: HttpRequest,
    @Res() response: HttpResponse,
  ): Promise<void> {
    if (person.kind !== 'operator') throw notFound();
    this.responder.send(request, response, await this.hosts.workers());
  }

  @Get('limits')
  async limits(
    @CurrentPerson() person: Person,
    @Req() request: HttpRequest,
    @Res() response: HttpResponse,
  ): Promise<void> {
    if (person.kind !== 'partner') throw notFound();
    const { project } = person;
    const limits = await this.reads.run(async (now): Promise<Limits> => {
      const { tokensPerRequest, tokensPerSelection, tokensPerHour } = await this.refreshes.readLimits(
        asRefreshingProject(project),
      );
      // A host application with its own projects has no keys of ours.
      const keys = await this.projects.listApiKeys(project.id).catch(noneIfUnknown);
      return {
        now: now.toISOString(),
        limits: {
          requestsPerSecond: this.rate.limitOf(project),
          tokensPerRequest,
          tokensPerSelection,
          tokensPerHour: tokensPerHour.limit,
        },
        quota: toQuota(tokensPerHour),
        apiKeys: keys.map(toApiKey),
      };
    });
    this.responder.send(request, response, limits);
  }
}

function noneIfUnknown(error: unknown): never[] {
  if (error instanceof ProjectNotFound) return [];
  throw error;
}
