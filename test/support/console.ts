import type { INestApplication } from '@nestjs/common';
import type { AbstractHttpAdapter } from '@nestjs/core';
import request from 'supertest';
import type { App } from 'supertest/types.js';
import type { z } from 'zod';
import { NftRefreshConsoleModule, type ConsoleExtras, type ConsoleOptions } from '@app/console';
import { MetadataEventsModule } from '@app/metadata-events';
import type { MetadataHost } from '@app/testing';
import type { TestDatabase } from './database.js';
import { startHostApp, type HostAppOptions } from './host-app.js';

export const OPERATOR_SECRET = 'a secret of the operators, for tests';

/** What every response of the console has, whatever the application sets. */
export const CONSOLE_HEADERS = {
  'content-security-policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'self'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'",
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'permissions-policy': 'camera=(), microphone=(), geolocation=()',
  'x-robots-tag': 'noindex',
};

/** The policy of pictures, which strangers have made. */
export const PICTURE_POLICY = `default-src 'none'; style-src 'unsafe-inline'; sandbox`;

/** What a page of the console sends with each request that changes something. */
export const OWN_PAGE = {
  'content-type': 'application/json',
  'x-nft-console': '1',
  'sec-fetch-site': 'same-origin',
};

/** Starts a host application with the console. */
export function startConsoleHost(
  database: Pick<TestDatabase, 'url'>,
  metadataApi: MetadataHost,
  options: ConsoleOptions & ConsoleExtras = {},
  { module = {}, ...host }: HostAppOptions = {},
): Promise<INestApplication> {
  return startHostApp(database, metadataApi, {
    ...host,
    module: {
      ...module,
      imports: [
        ...(module.imports ?? []),
        MetadataEventsModule.forRoot(),
        NftRefreshConsoleModule.forRoot({ operatorSecret: OPERATOR_SECRET, ...options }),
      ],
    },
  });
}

/** The files that a page loads, as a browser at this address would find them. */
export function filesOf(html: string, address: string): string[] {
  const base = new URL(/<base href="([^"]*)"/.exec(html)![1]!, address);
  const found = [...html.matchAll(/(?:src|href)="([^"]+)"/g)]
    .map(([, url]) => url!)
    .filter((url) => !/^\.\.?\/$|^(\.\.\/)+$/.test(url));
  return found.map((url) => new URL(url, base).href);
}

/** Sends requests to the console as a browser does, and keeps the cookie. */
export class ConsoleVisitor {
  private cookie = '';

  constructor(
    private readonly app: INestApplication,
    private readonly path = '/console',
  ) {}

  /** Signs in with the operators' secret. */
  async asOperator(name = 'Mira'): Promise<this> {
    await this.post('session', { kind: 'operator_secret', secret: OPERATOR_SECRET, name }).expect(200);
    return this;
  }

  async withApiKey(apiKey: string): Promise<this> {
    await this.post('session', { kind: 'api_key', apiKey }).expect(200);
    return this;
  }

  /** Those with which it is signed in. */
  headers(): { cookie: string } {
    return { cookie: this.cookie };
  }

  get(endpoint: string, headers: Record<string, string> = {}): request.Test {
    return this.send('get', endpoint, headers);
  }

  post(endpoint: string, body: object = {}, headers: Record<string, string> = OWN_PAGE): request.Test {
    return this.send('post', endpoint, headers).send(body);
  }

  /** As a form of any page can. */
  sendForm(endpoint: string, headers: Record<string, string>): request.Test {
    return this.send('post', endpoint, headers).send('kind=operator_secret');
  }

  put(endpoint: string, body: object): request.Test {
    return this.send('put', endpoint, OWN_PAGE).send(body);
  }

  delete(endpoint: string): request.Test {
    return this.send('delete', endpoint, OWN_PAGE).send({});
  }

  /** The body of a response with status 200, which has the shape that its schema says: no field more or less. */
  async read<Schema extends z.ZodType>(endpoint: string, schema: Schema): Promise<z.output<Schema>> {
    return expectShape(schema, await this.get(endpoint));
  }

  private send(method: 'get' | 'post' | 'put' | 'delete', endpoint: string, headers: Record<string, string>) {
    const path = endpoint.startsWith('/') ? endpoint : `${this.path}/api/${endpoint}`;
    const test = request(this.app.getHttpServer() as App)
      [method](path)
      .set(headers);
    if (this.cookie) test.set('cookie', this.cookie);
    return test.on('response', ({ headers: received }: request.Response) => {
      const [set] = (received['set-cookie'] as unknown as string[] | undefined) ?? [];
      if (set !== undefined) this.cookie = set.split(';', 1)[0]!;
    });
  }
}

export function expectShape<Schema extends z.ZodType>(schema: Schema, response: request.Response): z.output<Schema> {
  if (response.status !== 200) throw new Error(`${response.status}: ${response.text}`);
  const body = schema.parse(response.body);
  expect(response.body).toEqual(body);
  return body;
}

/** As Nest calls it: the two adapters that the console works on. */
export const ADAPTERS: readonly [name: string, load: () => Promise<AbstractHttpAdapter>][] = [
  ['Express', async () => new (await import('@nestjs/platform-express')).ExpressAdapter()],
  [
    'Fastify',
    async () => new (await import('@nestjs/platform-fastify')).FastifyAdapter() as unknown as AbstractHttpAdapter,
  ],
];
