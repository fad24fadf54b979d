import { All, Controller, HttpCode, NotFoundException, Req, Res, UseFilters } from '@nestjs/common';
import { ApiExcludeController } from '@nestjs/swagger';
import type { HttpResponse } from '../http-response.js';
import { refuseMethod } from '../wrong-method.js';
import { PartnerApiFilter } from './partner-api.filter.js';

/** Other methods than POST on the partner API's path: an error in its shape too. */
@Controller()
@ApiExcludeController()
@UseFilters(PartnerApiFilter)
export class PartnerApiFallbackController {
  @All()
  @HttpCode(204)
  wrongMethod(@Req() { method }: { method: string }, @Res({ passthrough: true }) response: HttpResponse): void {
    refuseMethod(method, 'POST', response);
  }

  @All('*path')
  onNothing(@Req() { method, url }: { method: string; url: string }): void {
    throw new NotFoundException(`There is no ${method} ${url.split('?', 1)[0]}.`);
  }
}

/** The same for everything below a base path that is the partner API's alone. */
@Controller()
@ApiExcludeController()
@UseFilters(PartnerApiFilter)
export class PartnerApiNothing {
  @All('*path')
  onNothing(@Req() { method, url }: { method: string; url: string }): void {
    throw new NotFoundException(`There is no ${method} ${url.split('?', 1)[0]}.`);
  }
}
