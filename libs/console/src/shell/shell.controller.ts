import { hasCurrent } from '@app/refresh-api';
import { Controller, Get, Req, Res, UseFilters } from '@nestjs/common';
import { ApiExcludeController } from '@nestjs/swagger';
import { ConsoleFilter } from '../console.filter.js';
import { consoleHeaders } from '../headers.js';
import { headerOf, pathOf, type HttpRequest, type HttpResponse } from '../http.js';
import { Responder } from '../responder.js';
import { WebFiles, type WebFile } from './web-files.js';
import { pathBelowMount, WILDCARD } from './mount-path.js';

/** The page and its files. They have no data, and need no session. */
@ApiExcludeController()
@Controller()
@UseFilters(ConsoleFilter)
export class ShellController {
  constructor(
    private readonly files: WebFiles,
    private readonly responder: Responder,
  ) {}

  @Get()
  root(@Req() request: HttpRequest, @Res() response: HttpResponse): void {
    const path = pathOf(request);
    if (path.endsWith('/')) return this.sendShell(request, response, 0);
    // Relative, so that it is right behind a proxy that adds or strips a prefix.
    const query = request.url.slice(path.length);
    const location = `${path.slice(path.lastIndexOf('/') + 1)}/${query}`;
    this.responder.write(response, { status: 302, headers: { ...consoleHeaders('shell'), location }, body: '' });
  }

  @Get(`*${WILDCARD}`)
  below(@Req() request: HttpRequest, @Res() response: HttpResponse): void {
    const path = pathBelowMount(request);
    const file = this.files.find(path);
    if (file) return this.sendFile(request, response, file);
    if (path.startsWith('assets/')) {
      const headers = { ...consoleHeaders('shell'), 'content-type': 'text/plain; charset=utf-8' };
      return this.responder.write(response, {
        status: 404,
        headers,
        body: 'There is no such file in this build of the console.',
      });
    }
    this.sendShell(request, response, path.split('/').length - 1);
  }

  private sendShell(request: HttpRequest, response: HttpResponse, depth: number): void {
    this.sendFile(request, response, this.files.shell(depth));
  }

  private sendFile(request: HttpRequest, response: HttpResponse, file: WebFile): void {
    const { etag, type, isHashed } = file;
    const [encoding, body] = encodedFor(headerOf(request, 'accept-encoding') ?? '', file);
    const isKnown = hasCurrent(request, etag);
    this.responder.write(response, {
      status: isKnown ? 304 : 200,
      headers: {
        ...consoleHeaders(isHashed ? 'asset' : 'shell'),
        'content-type': type,
        vary: 'Accept-Encoding',
        etag,
        ...(encoding && !isKnown && { 'content-encoding': encoding }),
      },
      body: isKnown ? '' : body,
    });
  }
}

function encodedFor(accepted: string, { plain, gzip, brotli }: WebFile): [encoding: string | null, body: Buffer] {
  if (brotli && /\bbr\b(?!\s*;\s*q=0(\.0+)?\s*(,|$))/.test(accepted)) return ['br', brotli];
  if (gzip && /\bgzip\b(?!\s*;\s*q=0(\.0+)?\s*(,|$))/.test(accepted)) return ['gzip', gzip];
  return [null, plain];
}
