import { HostOverview } from '@app/metadata-refresh';
import { Body, Controller, Get, Param, Post, Put, Query, Req, Res, UseFilters, UseGuards } from '@nestjs/common';
import { ApiExcludeController } from '@nestjs/swagger';
import { z } from 'zod';
import { Actions } from '../actions.js';
import { ConsoleFilter } from '../console.filter.js';
import type { HttpRequest, HttpResponse } from '../http.js';
import type { Person } from '../person.js';
import { absentIfEmpty } from '../query.js';
import { Responder } from '../responder.js';
import { OwnPage } from '../session/own-page.js';
import { notFound } from '../console.errors.js';
import { CurrentPerson, PersonGuard } from '../session/person.guard.js';
import { ALARMING_STATES, hostConcurrencySchema } from '../wire/host.schema.js';
import { HostViews } from './host-views.js';

const listQuerySchema = z.object({ state: absentIfEmpty(z.enum(ALARMING_STATES)) });

/** Metadata hosts, and what operators can do about one. */
@ApiExcludeController()
@Controller()
@UseFilters(ConsoleFilter)
@UseGuards(OwnPage, PersonGuard)
export class HostsController {
  constructor(
    private readonly views: HostViews,
    private readonly hosts: HostOverview,
    private readonly actions: Actions,
    private readonly responder: Responder,
  ) {}

  @Get()
  async list(
    @CurrentPerson() person: Person,
    @Query() query: unknown,
    @Req() request: HttpRequest,
    @Res() response: HttpResponse,
  ): Promise<void> {
    this.responder.send(request, response, await this.views.list(person, listQuerySchema.parse(query).state));
  }

  @Get(':host')
  async read(
    @CurrentPerson() person: Person,
    @Param('host') host: string,
    @Req() request: HttpRequest,
    @Res() response: HttpResponse,
  ): Promise<void> {
    this.responder.send(request, response, await this.views.host(person, host));
  }

  @Post(':host/end-cooldown')
  async endCooldown(
    @CurrentPerson() person: Person,
    @Param('host') host: string,
    @Req() request: HttpRequest,
    @Res() response: HttpResponse,
  ): Promise<void> {
    const wanted = { person, action: 'host.end-cooldown', target: host, onlyOperators: true };
    await this.actions.run(wanted, async () => {
      await this.checkKnown(host);
      await this.hosts.endCooldown(host);
    });
    this.responder.send(request, response, await this.actions.show(() => this.views.host(person, host)));
  }

  @Put(':host/concurrency')
  async setConcurrency(
    @CurrentPerson() person: Person,
    @Param('host') host: string,
    @Body() body: unknown,
    @Req() request: HttpRequest,
    @Res() response: HttpResponse,
  ): Promise<void> {
    const given = hostConcurrencySchema.safeParse(body).data;
    const action = ['host.set-concurrency', ...(given ? [given.limit ?? 'none'] : [])].join(' ');
    await this.actions.run({ person, action, target: host, onlyOperators: true }, async () => {
      await this.checkKnown(host);
      const { limit } = hostConcurrencySchema.parse(body);
      await this.hosts.setConcurrency(host, limit);
    });
    this.responder.send(request, response, await this.actions.show(() => this.views.host(person, host)));
  }

  private async checkKnown(host: string): Promise<void> {
    if (!(await this.hosts.isKnown('all-projects', host))) throw notFound();
  }
}
