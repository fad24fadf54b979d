import { WebhookNotFound, Webhooks, type Webhook } from '@app/metadata-events';
import {
  CurrentProject,
  RequestCounter,
  RequestRateGuard,
  type CallingProject,
  type CountRequest,
} from '@app/project-auth';
import {
  Body,
  Controller,
  Delete,
  Get,
  HttpCode,
  Inject,
  Optional,
  Param,
  Patch,
  Post,
  Query,
  UseFilters,
  UseGuards,
} from '@nestjs/common';
import { authenticatedBy } from '../authenticated-by.guard.js';
import { validatedBy } from '../validated-by.js';
import { JsonBodyGuard } from '../json-body.guard.js';
import { REFRESH_API_CONFIG } from '../dialect.js';
import type { ProjectApiConfig } from '../project-api/project-api.options.js';
import { NoBodyGuard, NoQueryGuard } from '../unexpected-input.guards.js';
import {
  DocumentsChangeWebhook,
  DocumentsCreateWebhook,
  DocumentsDeleteWebhook,
  DocumentsDeliveries,
  DocumentsEnableWebhook,
  DocumentsRotateSecret,
  DocumentsTestWebhook,
  DocumentsWebhook,
  DocumentsWebhooks,
} from './webhook-api.documentation.js';
import { WebhookApiFilter } from './webhook-api.filter.js';
import { toDeliveryPage, toTestBody, toWebhookBody } from './webhook-api.presenter.js';
import {
  changeWebhookSchema,
  createWebhookSchema,
  enableWebhookSchema,
  listDeliveriesSchema,
  rotateSecretSchema,
  webhookIdSchema,
  type ChangeWebhook,
  type CreateWebhook,
  type EnableWebhook,
  type ListDeliveries,
  type RotateSecret,
} from './webhook-api.schemas.js';

export const WEBHOOKS_PATH = 'webhooks';

const WebhookId = () => Param('webhook_id', validatedBy(webhookIdSchema));

/** The routes with which a project manages its own webhooks. Changes count towards the project's requests per second. */
@Controller()
@UseGuards(authenticatedBy('projectApi'))
@UseFilters(WebhookApiFilter)
export class WebhooksController {
  private readonly webhooks: Webhooks;

  /** Throws an Error without MetadataEventsModule. */
  constructor(
    @Inject(REFRESH_API_CONFIG) private readonly config: ProjectApiConfig,
    @Optional() webhooks?: Webhooks,
  ) {
    if (!webhooks) {
      throw new Error('RefreshApiModule: exposeWebhookRoutes needs MetadataEventsModule; import it as well.');
    }
    this.webhooks = webhooks;
  }

  @Get()
  @UseGuards(NoQueryGuard)
  @DocumentsWebhooks()
  async list(@CurrentProject() { id }: CallingProject) {
    return { result: (await this.webhooks.list(id)).map(toWebhookBody) };
  }

  @Post()
  @HttpCode(201)
  @UseGuards(NoQueryGuard, JsonBodyGuard, RequestRateGuard)
  @DocumentsCreateWebhook()
  async create(
    @CurrentProject() project: CallingProject,
    @Body(validatedBy(createWebhookSchema)) body: CreateWebhook,
    @RequestCounter() countRequest: CountRequest,
  ) {
    await countRequest();
    const added = { ...body, projectId: project.id, projectLimit: this.config.webhooksPerProject };
    const { id, secret } = await this.webhooks.add(added);
    return { ...toWebhookBody(await this.webhooks.get(id)), secret };
  }

  @Get(':webhook_id')
  @UseGuards(NoQueryGuard)
  @DocumentsWebhook()
  async get(@CurrentProject() project: CallingProject, @WebhookId() id: string) {
    return toWebhookBody(await this.ownWebhook(project, id));
  }

  @Patch(':webhook_id')
  @UseGuards(NoQueryGuard, JsonBodyGuard, RequestRateGuard)
  @DocumentsChangeWebhook()
  async change(
    @CurrentProject() project: CallingProject,
    @WebhookId() id: string,
    @Body(validatedBy(changeWebhookSchema)) body: ChangeWebhook,
    @RequestCounter() countRequest: CountRequest,
  ) {
    await this.ownWebhook(project, id);
    await countRequest();
    return toWebhookBody(await this.webhooks.update(id, body));
  }

  @Delete(':webhook_id')
  @HttpCode(204)
  @UseGuards(NoQueryGuard, RequestRateGuard)
  @DocumentsDeleteWebhook()
  async remove(
    @CurrentProject() project: CallingProject,
    @WebhookId() id: string,
    @RequestCounter() countRequest: CountRequest,
  ): Promise<void> {
    await this.ownWebhook(project, id);
    await countRequest();
    await this.webhooks.remove(id);
  }

  @Post(':webhook_id/enable')
  @HttpCode(200)
  @UseGuards(NoQueryGuard, JsonBodyGuard, RequestRateGuard)
  @DocumentsEnableWebhook()
  async enable(
    @CurrentProject() project: CallingProject,
    @WebhookId() id: string,
    @Body(validatedBy(enableWebhookSchema)) body: EnableWebhook,
    @RequestCounter() countRequest: CountRequest,
  ) {
    await this.ownWebhook(project, id);
    await countRequest();
    await this.webhooks.enable(id, body);
    return toWebhookBody(await this.webhooks.get(id));
  }

  @Post(':webhook_id/rotate-secret')
  @HttpCode(200)
  @UseGuards(NoQueryGuard, JsonBodyGuard, RequestRateGuard)
  @DocumentsRotateSecret()
  async rotateSecret(
    @CurrentProject() project: CallingProject,
    @WebhookId() id: string,
    @Body(validatedBy(rotateSecretSchema)) { keepOldHours }: RotateSecret,
    @RequestCounter() countRequest: CountRequest,
  ) {
    await this.ownWebhook(project, id);
    await countRequest();
    return { secret: await this.webhooks.rotateSecret(id, keepOldHours) };
  }

  @Post(':webhook_id/test')
  @HttpCode(200)
  @UseGuards(NoQueryGuard, JsonBodyGuard, NoBodyGuard, RequestRateGuard)
  @DocumentsTestWebhook()
  async test(
    @CurrentProject() project: CallingProject,
    @WebhookId() id: string,
    @RequestCounter() countRequest: CountRequest,
  ) {
    await this.ownWebhook(project, id);
    await countRequest();
    return toTestBody(await this.webhooks.test(id));
  }

  @Get(':webhook_id/deliveries')
  @DocumentsDeliveries()
  async deliveries(
    @CurrentProject() project: CallingProject,
    @WebhookId() id: string,
    @Query(validatedBy(listDeliveriesSchema)) { limit, after }: ListDeliveries,
  ) {
    await this.ownWebhook(project, id);
    return toDeliveryPage(await this.webhooks.listDeliveries(id, limit + 1, after?.id), limit);
  }

  /** Throws the same error for a row of another project as for one that does not exist. */
  private async ownWebhook(project: CallingProject, id: string): Promise<Webhook> {
    const webhook = await this.webhooks.get(id);
    if (webhook.projectId !== project.id) throw new WebhookNotFound(id);
    return webhook;
  }
}
