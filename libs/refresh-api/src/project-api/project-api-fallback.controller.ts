import { All, Controller, HttpCode, NotFoundException, Req, Res, UseFilters } from '@nestjs/common';
import { ApiExcludeController } from '@nestjs/swagger';
import type { HttpResponse } from '../http-response.js';
import { refuseMethod } from '../wrong-method.js';
import { ProjectApiFilter } from './project-api.filter.js';

interface WrongRequest {
  method: string;
  url: string;
}

/** Requests on our paths that no route takes: errors in our shape too. */
@Controller()
@ApiExcludeController()
@UseFilters(ProjectApiFilter)
export class ProjectApiFallbackController {
  @All()
  @HttpCode(204)
  onCollection(@Req() { method }: WrongRequest, @Res({ passthrough: true }) response: HttpResponse): void {
    refuseMethod(method, 'GET, POST', response);
  }

  @All([':refresh_id', ':refresh_id/errors'])
  @HttpCode(204)
  onRefresh(@Req() { method }: WrongRequest, @Res({ passthrough: true }) response: HttpResponse): void {
    refuseMethod(method, 'GET', response);
  }

  @All('*path')
  onNothing(@Req() { method, url }: WrongRequest): void {
    throw new NotFoundException(`There is no ${method} ${url.split('?', 1)[0]}.`);
  }
}
