import { All, Controller, HttpCode, Req, Res, UseFilters } from '@nestjs/common';
import { ApiExcludeController } from '@nestjs/swagger';
import type { HttpResponse } from '../http-response.js';
import { ProjectApiFilter } from '../project-api/project-api.filter.js';
import { refuseMethod } from '../wrong-method.js';

/** Other methods on these paths: errors in our shape too. What is below them belongs to others. */
@Controller()
@ApiExcludeController()
@UseFilters(ProjectApiFilter)
export class CollectionApiWrongRoutes {
  @All()
  @HttpCode(204)
  onList(@Req() { method }: { method: string }, @Res({ passthrough: true }) response: HttpResponse): void {
    refuseMethod(method, 'GET', response);
  }

  @All(':collection_address')
  @HttpCode(204)
  onCollection(@Req() { method }: { method: string }, @Res({ passthrough: true }) response: HttpResponse): void {
    refuseMethod(method, 'GET, PATCH', response);
  }

  @All(':collection_address/tokens')
  @HttpCode(204)
  onTokens(@Req() { method }: { method: string }, @Res({ passthrough: true }) response: HttpResponse): void {
    refuseMethod(method, 'POST', response);
  }
}
