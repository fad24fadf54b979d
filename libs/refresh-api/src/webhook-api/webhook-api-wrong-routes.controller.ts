import { All, Controller, HttpCode, NotFoundException, Req, Res, UseFilters } from '@nestjs/common';
import { ApiExcludeController } from '@nestjs/swagger';
import type { HttpResponse } from '../http-response.js';
import { refuseMethod } from '../wrong-method.js';
import { WebhookApiFilter } from './webhook-api.filter.js';

/** Requests on these paths that no route takes: errors in our shape too. */
@Controller()
@ApiExcludeController()
@UseFilters(WebhookApiFilter)
export class WebhookApiWrongRoutes {
  @All()
  @HttpCode(204)
  onList(@Req() { method }: { method: string }, @Res({ passthrough: true }) response: HttpResponse): void {
    refuseMethod(method, 'GET, POST', response);
  }

  @All(':webhook_id')
  @HttpCode(204)
  onWebhook(@Req() { method }: { method: string }, @Res({ passthrough: true }) response: HttpResponse): void {
    refuseMethod(method, 'GET, PATCH, DELETE', response);
  }

  @All([':webhook_id/enable', ':webhook_id/rotate-secret', ':webhook_id/test'])
  @HttpCode(204)
  onAction(@Req() { method }: { method: string }, @Res({ passthrough: true }) response: HttpResponse): void {
    refuseMethod(method, 'POST', response);
  }

  @All(':webhook_id/deliveries')
  @HttpCode(204)
  onDeliveries(@Req() { method }: { method: string }, @Res({ passthrough: true }) response: HttpResponse): void {
    refuseMethod(method, 'GET', response);
  }

  @All('*path')
  onNothing(@Req() { method, url }: { method: string; url: string }): void {
    throw new NotFoundException(`There is no ${method} ${url.split('?', 1)[0]}.`);
  }
}
