import { Reveals, type RevealReference } from '@app/metadata-refresh';
import { Body, Controller, Get, Param, Post, Query, Req, Res, UseFilters, UseGuards } from '@nestjs/common';
import { ApiExcludeController } from '@nestjs/swagger';
import { z } from 'zod';
import { Actions, type WantedAction } from '../actions.js';
import { ConsoleFilter } from '../console.filter.js';
import { cursorSchema, uuidPositionSchema } from '../cursor.js';
import type { HttpRequest, HttpResponse } from '../http.js';
import type { Person } from '../person.js';
import { Responder } from '../responder.js';
import { OwnPage } from '../session/own-page.js';
import { CurrentPerson, PersonGuard } from '../session/person.guard.js';
import { publishRevealSchema, revertRevealSchema } from '../wire/reveal.schema.js';
import { referenceFor, RevealViews } from './reveal-views.js';

const listQuerySchema = z.object({ cursor: cursorSchema(uuidPositionSchema) });
const HOUR_MS = 3_600_000;

/** Reveals, and what can be done with one. */
@ApiExcludeController()
@Controller()
@UseFilters(ConsoleFilter)
@UseGuards(OwnPage, PersonGuard)
export class RevealsController {
  constructor(
    private readonly views: RevealViews,
    private readonly reveals: Reveals,
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
    const { cursor } = listQuerySchema.parse(query);
    this.responder.send(request, response, await this.views.list(person, cursor));
  }

  @Get(':id')
  async read(
    @CurrentPerson() person: Person,
    @Param('id') id: string,
    @Req() request: HttpRequest,
    @Res() response: HttpResponse,
  ): Promise<void> {
    this.responder.send(request, response, await this.views.details(person, id));
  }

  @Get(':id/changes')
  async changes(
    @CurrentPerson() person: Person,
    @Param('id') id: string,
    @Req() request: HttpRequest,
    @Res() response: HttpResponse,
  ): Promise<void> {
    this.responder.send(request, response, await this.views.changes(person, id));
  }

  @Post(':id/publish')
  async publish(
    @CurrentPerson() person: Person,
    @Param('id') id: string,
    @Body() body: unknown,
    @Req() request: HttpRequest,
    @Res() response: HttpResponse,
  ): Promise<void> {
    await this.act(person, 'reveal.publish', id, (reveal) =>
      this.reveals.publish(reveal, publishRevealSchema.parse(body)),
    );
    this.responder.send(request, response, await this.actions.show(() => this.views.details(person, id)));
  }

  @Post(':id/cancel')
  async cancel(
    @CurrentPerson() person: Person,
    @Param('id') id: string,
    @Req() request: HttpRequest,
    @Res() response: HttpResponse,
  ): Promise<void> {
    await this.act(person, 'reveal.cancel', id, (reveal) => this.reveals.cancel(reveal));
    this.responder.send(request, response, await this.actions.show(() => this.views.details(person, id)));
  }

  @Post(':id/revert')
  async revert(
    @CurrentPerson() person: Person,
    @Param('id') id: string,
    @Body() body: unknown,
    @Req() request: HttpRequest,
    @Res() response: HttpResponse,
  ): Promise<void> {
    await this.act(person, 'reveal.revert', id, (reveal) => {
      const { holdHours } = revertRevealSchema.parse(body);
      const holdUntil =
        holdHours === undefined || holdHours === 'forever' ? holdHours : new Date(Date.now() + holdHours * HOUR_MS);
      return this.reveals.revert(reveal, { holdUntil });
    });
    this.responder.send(request, response, await this.actions.show(() => this.views.details(person, id)));
  }

  private act(
    person: Person,
    action: string,
    id: string,
    work: (reveal: RevealReference) => Promise<unknown>,
  ): Promise<void> {
    const wanted: WantedAction = { person, action, target: id };
    return this.actions.run(wanted, async () => {
      wanted.projectId = (await this.views.get(person, id)).projectId;
      await work(referenceFor(person, id));
    });
  }
}
