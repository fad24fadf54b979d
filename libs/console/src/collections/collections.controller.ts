import { Body, Controller, Get, HttpCode, Param, Post, Query, Req, Res, UseFilters, UseGuards } from '@nestjs/common';
import type { WantedTokens } from '@app/metadata-refresh';
import { ApiExcludeController } from '@nestjs/swagger';
import { z } from 'zod';
import { Actions, refuseUnlessMayAct, type WantedAction } from '../actions.js';
import { ConsoleFilter } from '../console.filter.js';
import { cursorSchema, uuidPositionSchema } from '../cursor.js';
import type { HttpRequest, HttpResponse } from '../http.js';
import type { Person } from '../person.js';
import { toQuota } from '../refreshes/refreshes.presenter.js';
import { Responder } from '../responder.js';
import { OwnPage } from '../session/own-page.js';
import { CurrentPerson, PersonGuard } from '../session/person.guard.js';
import { wantedTokensSchema, type Estimate, type WantedTokens as WantedByPage } from '../wire/collection.schema.js';
import { CollectionViews } from './collection-views.js';
import { NewRefreshes } from './new-refreshes.js';

const listQuerySchema = z.object({ cursor: cursorSchema(uuidPositionSchema) });

/** Collections, and refreshes of some of their tokens. */
@ApiExcludeController()
@Controller()
@UseFilters(ConsoleFilter)
@UseGuards(OwnPage, PersonGuard)
export class CollectionsController {
  constructor(
    private readonly views: CollectionViews,
    private readonly newRefreshes: NewRefreshes,
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

  /** Counts tokens and requests nothing, so it is no action. Who may not act has no use for it. */
  @Post(':id/estimate')
  @HttpCode(200)
  async estimate(
    @CurrentPerson() person: Person,
    @Param('id') id: string,
    @Body() body: unknown,
    @Req() request: HttpRequest,
    @Res() response: HttpResponse,
  ): Promise<void> {
    refuseUnlessMayAct(person);
    const collection = await this.views.get(person, id);
    const wanted = toWanted(wantedTokensSchema.parse(body));
    const { tokens, expectedSeconds, exceeds, quota } = await this.newRefreshes.estimate(person, collection, wanted);
    this.responder.send(request, response, {
      now: new Date().toISOString(),
      tokens,
      expectedSeconds,
      exceeds,
      quota: quota && toQuota(quota),
    } satisfies Estimate);
  }

  @Post(':id/refresh')
  async refresh(
    @CurrentPerson() person: Person,
    @Param('id') id: string,
    @Body() body: unknown,
    @Req() request: HttpRequest,
    @Res() response: HttpResponse,
  ): Promise<void> {
    const wanted: WantedAction = { person, action: 'collection.refresh', target: id };
    const refreshId = await this.actions.run(wanted, async () => {
      const collection = await this.views.get(person, id);
      wanted.projectId = collection.projectId;
      wanted.target = `${collection.chainId}/${collection.address}`;
      return this.newRefreshes.request(person, collection, toWanted(wantedTokensSchema.parse(body)));
    });
    this.responder.send(request, response, { now: new Date().toISOString(), refreshId });
  }
}

function toWanted(given: WantedByPage): WantedTokens {
  if ('tokenIds' in given) return { tokenIds: given.tokenIds };
  if ('ranges' in given) return { selection: { ranges: given.ranges } };
  const { status, notRefreshedForSeconds: seconds } = given;
  return {
    selection: {
      all: true,
      ...(status && { status: [...new Set(status)] }),
      ...(seconds !== undefined && { notRefreshedSince: new Date(Date.now() - seconds * 1000) }),
    },
  };
}
