import { hasCurrent } from '@app/refresh-api';
import { Injectable, StreamableFile } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import { consoleHeaders } from './headers.js';
import type { HttpRequest, HttpResponse } from './http.js';
import { JsonBody } from './json-body.js';
import { WebFiles } from './shell/web-files.js';

/** Sends responses past the interceptors of the host application, which would change their shape. */
@Injectable()
export class Responder {
  constructor(
    private readonly adapterHost: HttpAdapterHost,
    private readonly files: WebFiles,
  ) {}

  /** JSON. Who has all of it but `now` already gets 304. */
  send<Body extends { now: string }>(request: HttpRequest, response: HttpResponse, given: Body | JsonBody): void {
    const body = given instanceof JsonBody ? given : new JsonBody(given);
    const { etag } = body;
    const isKnown = request.method === 'GET' && hasCurrent(request, etag);
    this.write(response, {
      status: isKnown ? 304 : 200,
      headers: {
        ...consoleHeaders('api'),
        'content-type': 'application/json; charset=utf-8',
        'x-nft-console-build': this.files.build,
        etag,
      },
      body: isKnown ? '' : body.toString(),
    });
  }

  write(
    response: HttpResponse,
    { status, headers, body }: { status: number; headers: Readonly<Record<string, string>>; body: unknown },
  ): void {
    const { httpAdapter } = this.adapterHost;
    for (const [name, value] of Object.entries(headers)) httpAdapter.setHeader(response, name, value);
    // Express's adapter would send a Buffer as JSON.
    httpAdapter.reply(response, Buffer.isBuffer(body) ? new StreamableFile(body) : body, status);
  }

  /** Beside the cookies of the host application. */
  setCookie(response: HttpResponse, cookie: string): void {
    if ('append' in response) (response as { append(name: string, value: string): void }).append('set-cookie', cookie);
    // Fastify adds to those that are there.
    else this.adapterHost.httpAdapter.setHeader(response, 'set-cookie', cookie);
  }
}
