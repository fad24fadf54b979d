import { FAILURE_GROUPS, isRefreshReason } from '@app/metadata-refresh';
import { Controller, Get, Query, Req, Res, UseFilters, UseGuards } from '@nestjs/common';
import { ApiExcludeController } from '@nestjs/swagger';
import { z } from 'zod';
import { ConsoleFilter } from '../console.filter.js';
import { cursorSchema, rowPositionSchema } from '../cursor.js';
import type { HttpRequest, HttpResponse } from '../http.js';
import type { Person } from '../person.js';
import { absentIfEmpty, idSchema } from '../query.js';
import { Responder } from '../responder.js';
import { OwnPage } from '../session/own-page.js';
import { CurrentPerson, PersonGuard } from '../session/person.guard.js';
import { FAILURE_WINDOWS } from '../wire/failures.schema.js';
import { FailureViews } from './failure-views.js';

const querySchema = z
  .object({
    since: absentIfEmpty(z.enum(FAILURE_WINDOWS)).transform((since) => since ?? '1h'),
    group: absentIfEmpty(z.enum(FAILURE_GROUPS)).transform((group) => group ?? 'reason'),
    reason: absentIfEmpty(z.string().refine(isRefreshReason, { error: 'is no reason of a failure' })),
    host: absentIfEmpty(z.string().max(300)),
    project: absentIfEmpty(z.string().max(200)),
    collection: absentIfEmpty(idSchema),
    cursor: cursorSchema(rowPositionSchema),
  })
  .transform(({ project, collection, since, reason, host, ...rest }) => ({
    ...rest,
    wanted: { since, reason, host, projectId: project, collectionId: collection },
  }));

/** Tokens that failed, of all refreshes: in groups, and one by one. */
@ApiExcludeController()
@Controller()
@UseFilters(ConsoleFilter)
@UseGuards(OwnPage, PersonGuard)
export class FailuresController {
  constructor(
    private readonly views: FailureViews,
    private readonly responder: Responder,
  ) {}

  @Get()
  async groups(
    @CurrentPerson() person: Person,
    @Query() query: unknown,
    @Req() request: HttpRequest,
    @Res() response: HttpResponse,
  ): Promise<void> {
    const { group, wanted } = querySchema.parse(query);
    this.responder.send(request, response, await this.views.groups(person, group, wanted));
  }

  @Get('tokens')
  async tokens(
    @CurrentPerson() person: Person,
    @Query() query: unknown,
    @Req() request: HttpRequest,
    @Res() response: HttpResponse,
  ): Promise<void> {
    const { wanted, cursor } = querySchema.parse(query);
    this.responder.send(request, response, await this.views.tokens(person, wanted, cursor));
  }
}
