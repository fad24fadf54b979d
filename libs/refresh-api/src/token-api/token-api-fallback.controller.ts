import { All, Controller, HttpCode, NotFoundException, Req, Res, UseFilters } from '@nestjs/common';
import { ApiExcludeController } from '@nestjs/swagger';
import type { HttpResponse } from '../http-response.js';
import { ProjectApiFilter } from '../project-api/project-api.filter.js';
import { refuseMethod } from '../wrong-method.js';

/** Requests on these paths that no route takes: errors in our shape too. */
@Controller()
@ApiExcludeController()
@UseFilters(ProjectApiFilter)
export class TokenApiFallbackController {
  @All(['traits', 'tokens/:token_id', 'tokens/:token_id/attempts'])
  @HttpCode(204)
  wrongMethod(@Req() { method }: { method: string }, @Res({ passthrough: true }) response: HttpResponse): void {
    refuseMethod(method, 'GET', response);
  }

  @All(['traits/*path', 'tokens/*path'])
  onNothing(@Req() { method, url }: { method: string; url: string }): void {
    throw new NotFoundException(`There is no ${method} ${url.split('?', 1)[0]}.`);
  }
}
