import { All, Controller, HttpCode, Req, Res, UseFilters } from '@nestjs/common';
import { ApiExcludeController } from '@nestjs/swagger';
import type { HttpResponse } from '../http-response.js';
import { refuseMethod } from '../wrong-method.js';
import { PartnerApiFilter } from './partner-api.filter.js';

/** Other methods than POST on the partner API's path: an error in its shape too. */
@Controller()
@ApiExcludeController()
@UseFilters(PartnerApiFilter)
export class PartnerApiWrongRoutes {
  @All()
  @HttpCode(204)
  wrongMethod(@Req() { method }: { method: string }, @Res({ passthrough: true }) response: HttpResponse): void {
    refuseMethod(method, 'POST', response);
  }
}
