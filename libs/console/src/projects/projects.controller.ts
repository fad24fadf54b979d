import { Projects } from '@app/project-auth';
import { Body, Controller, Delete, Get, Param, Put, Query, Req, Res, UseFilters, UseGuards } from '@nestjs/common';
import { ApiExcludeController } from '@nestjs/swagger';
import { z } from 'zod';
import { Actions } from '../actions.js';
import { ConsoleFilter } from '../console.filter.js';
import { cursorSchema, projectPositionSchema } from '../cursor.js';
import type { HttpRequest, HttpResponse } from '../http.js';
import type { Person } from '../person.js';
import { Responder } from '../responder.js';
import { OwnPage } from '../session/own-page.js';
import { CurrentPerson, PersonGuard } from '../session/person.guard.js';
import { projectLimitsSchema } from '../wire/project.schema.js';
import { ProjectViews } from './project-views.js';

const listQuerySchema = z.object({ cursor: cursorSchema(projectPositionSchema) });

/** Projects with their limits and keys, which operators can change. */
@ApiExcludeController()
@Controller()
@UseFilters(ConsoleFilter)
@UseGuards(OwnPage, PersonGuard)
export class ProjectsController {
  constructor(
    private readonly views: ProjectViews,
    private readonly projects: Projects,
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
    this.responder.send(request, response, await this.views.list(person, listQuerySchema.parse(query).cursor));
  }

  @Get(':id')
  async read(
    @CurrentPerson() person: Person,
    @Param('id') id: string,
    @Req() request: HttpRequest,
    @Res() response: HttpResponse,
  ): Promise<void> {
    this.responder.send(request, response, await this.views.project(person, id));
  }

  @Put(':id/limits')
  async setLimits(
    @CurrentPerson() person: Person,
    @Param('id') id: string,
    @Body() body: unknown,
    @Req() request: HttpRequest,
    @Res() response: HttpResponse,
  ): Promise<void> {
    const given = projectLimitsSchema.safeParse(body).data ?? {};
    const values = Object.entries(given).map(([name, limit]) => `${name}=${limit ?? 'default'}`);
    await this.act(person, ['project.set-limits', ...values].join(' '), id, async () => {
      const limits = projectLimitsSchema.parse(body);
      await this.projects.setLimits(id, limits as Required<typeof limits>);
    });
    this.responder.send(request, response, await this.actions.show(() => this.views.project(person, id)));
  }

  @Delete(':id/keys/:prefix')
  async revokeKey(
    @CurrentPerson() person: Person,
    @Param('id') id: string,
    @Param('prefix') prefix: string,
    @Req() request: HttpRequest,
    @Res() response: HttpResponse,
  ): Promise<void> {
    const action = `project.revoke-key ${prefix.slice(0, 100)}`;
    await this.act(person, action, id, () => this.projects.revokeApiKey(id, prefix));
    this.responder.send(request, response, await this.actions.show(() => this.views.project(person, id)));
  }

  private act(person: Person, action: string, projectId: string, work: () => Promise<void>): Promise<void> {
    return this.actions.run({ person, action, target: projectId, projectId, onlyOperators: true }, async () => {
      await this.views.get(person, projectId);
      await work();
    });
  }
}
