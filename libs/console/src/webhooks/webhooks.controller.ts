import { Webhooks, type ShownWebhook } from '@app/metadata-events';
import { Body, Controller, Get, Optional, Param, Post, Query, Req, Res, UseFilters, UseGuards } from '@nestjs/common';
import { ApiExcludeController } from '@nestjs/swagger';
import { z } from 'zod';
import { Actions, type WantedAction } from '../actions.js';
import { ConsoleFilter } from '../console.filter.js';
import { notFound, Refused } from '../console.errors.js';
import { cursorSchema, deliveryPositionSchema, uuidPositionSchema } from '../cursor.js';
import type { HttpRequest, HttpResponse } from '../http.js';
import type { Person } from '../person.js';
import { absentIfEmpty } from '../query.js';
import { Responder } from '../responder.js';
import { OwnPage } from '../session/own-page.js';
import { CurrentPerson, PersonGuard } from '../session/person.guard.js';
import { enableWebhookSchema, WEBHOOK_STATES } from '../wire/webhook.schema.js';
import { WebhookViews } from './webhook-views.js';

const listQuerySchema = z.object({
  state: absentIfEmpty(z.enum(WEBHOOK_STATES)),
  cursor: cursorSchema(uuidPositionSchema),
});
const readQuerySchema = z.object({ cursor: cursorSchema(deliveryPositionSchema) });

/** Webhooks, and what can be done about one that fails. */
@ApiExcludeController()
@Controller()
@UseFilters(ConsoleFilter)
@UseGuards(OwnPage, PersonGuard)
export class WebhooksController {
  constructor(
    private readonly views: WebhookViews,
    private readonly actions: Actions,
    private readonly responder: Responder,
    @Optional() private readonly webhooks?: Webhooks,
  ) {}

  @Get()
  async list(
    @CurrentPerson() person: Person,
    @Query() query: unknown,
    @Req() request: HttpRequest,
    @Res() response: HttpResponse,
  ): Promise<void> {
    const { state, cursor } = listQuerySchema.parse(query);
    this.responder.send(request, response, await this.views.list(person, { state, after: cursor }));
  }

  @Get(':id')
  async read(
    @CurrentPerson() person: Person,
    @Param('id') id: string,
    @Query() query: unknown,
    @Req() request: HttpRequest,
    @Res() response: HttpResponse,
  ): Promise<void> {
    const { cursor } = readQuerySchema.parse(query);
    this.responder.send(request, response, await this.views.webhook(person, id, cursor?.id));
  }

  @Post(':id/enable')
  async enable(
    @CurrentPerson() person: Person,
    @Param('id') id: string,
    @Body() body: unknown,
    @Req() request: HttpRequest,
    @Res() response: HttpResponse,
  ): Promise<void> {
    const skips = enableWebhookSchema.safeParse(body).data?.skipBacklog ?? false;
    await this.act(person, skips ? 'webhook.skip' : 'webhook.enable', id, async (webhooks, { state }) => {
      const { skipBacklog = false } = enableWebhookSchema.parse(body);
      if (state === 'good') {
        throw new Refused(409, 'conflict', 'This webhook is not disabled and does not fail: nothing is to be done.');
      }
      await webhooks.enable(id, { skipBacklog });
    });
    this.responder.send(request, response, await this.actions.show(() => this.views.webhook(person, id)));
  }

  @Post(':id/test')
  async test(
    @CurrentPerson() person: Person,
    @Param('id') id: string,
    @Req() request: HttpRequest,
    @Res() response: HttpResponse,
  ): Promise<void> {
    const result = await this.act(person, 'webhook.test', id, (webhooks) => webhooks.test(id));
    this.responder.send(request, response, await this.actions.show(() => this.views.tested(result)));
  }

  private act<Result>(
    person: Person,
    action: string,
    webhookId: string,
    work: (webhooks: Webhooks, webhook: ShownWebhook) => Promise<Result>,
  ): Promise<Result> {
    const wanted: WantedAction = { person, action, target: webhookId };
    return this.actions.run(wanted, async () => {
      const webhook = await this.views.get(person, webhookId);
      wanted.projectId = webhook.projectId;
      if (!this.webhooks) throw notFound();
      return work(this.webhooks, webhook);
    });
  }
}
