import { Controller, Get, Param, Post, Query, Req, Res, UseFilters, UseGuards } from '@nestjs/common';
import { ApiExcludeController } from '@nestjs/swagger';
import { z } from 'zod';
import { Actions, type WantedAction } from '../actions.js';
import { NewRefreshes } from '../collections/new-refreshes.js';
import { ConsoleFilter } from '../console.filter.js';
import { notFound } from '../console.errors.js';
import { cursorSchema, rowPositionSchema, uuidPositionSchema, versionPositionSchema } from '../cursor.js';
import { consoleHeaders, FOREIGN_CONTENT_SECURITY_POLICY } from '../headers.js';
import type { HttpRequest, HttpResponse } from '../http.js';
import type { Person } from '../person.js';
import { TokenPictures } from '../pictures/token-pictures.js';
import { absentIfEmpty } from '../query.js';
import { Responder } from '../responder.js';
import { OwnPage } from '../session/own-page.js';
import { CurrentPerson, PersonGuard } from '../session/person.guard.js';
import { TokenViews, type TokenAddress } from './token-views.js';

const numberSchema = z
  .string()
  .regex(/^[1-9][0-9]{0,14}$/)
  .transform(Number);
const tokenSchema = z
  .object({
    chain: numberSchema,
    address: z.string().regex(/^0x[0-9a-fA-F]{40}$/),
    token_id: z.string().regex(/^(0|[1-9][0-9]{0,77})$/),
  })
  .transform(({ chain, address, token_id }): TokenAddress => {
    return { chainId: chain, address: address.toLowerCase(), tokenId: token_id };
  });
const attemptsQuerySchema = z.object({ cursor: cursorSchema(rowPositionSchema) });
const versionsQuerySchema = z.object({ cursor: cursorSchema(versionPositionSchema) });
const diffQuerySchema = z.object({ to: absentIfEmpty(numberSchema) });
const listQuerySchema = z.object({
  q: z.string().regex(/^(0|[1-9][0-9]{0,77})$/, { error: 'must be a token id: decimal digits' }),
  cursor: cursorSchema(uuidPositionSchema),
});

/** Tokens: what one shows and why, what was tried, how it changed. */
@ApiExcludeController()
@Controller()
@UseFilters(ConsoleFilter)
@UseGuards(OwnPage, PersonGuard)
export class TokensController {
  constructor(
    private readonly views: TokenViews,
    private readonly newRefreshes: NewRefreshes,
    private readonly pictures: TokenPictures,
    private readonly actions: Actions,
    private readonly responder: Responder,
  ) {}

  @Get('find')
  async find(
    @CurrentPerson() person: Person,
    @Query() query: unknown,
    @Req() request: HttpRequest,
    @Res() response: HttpResponse,
  ): Promise<void> {
    const { q, cursor } = listQuerySchema.parse(query);
    this.responder.send(request, response, await this.views.list(person, q, cursor));
  }

  @Get(':chain/:address/:token_id')
  async read(
    @CurrentPerson() person: Person,
    @Param() params: unknown,
    @Req() request: HttpRequest,
    @Res() response: HttpResponse,
  ): Promise<void> {
    this.responder.send(request, response, await this.views.token(person, toAddress(params)));
  }

  /** Never shown by a browser: a stranger has written it. */
  @Get(':chain/:address/:token_id/document')
  async document(
    @CurrentPerson() person: Person,
    @Param() params: unknown,
    @Res() response: HttpResponse,
  ): Promise<void> {
    const address = toAddress(params);
    const body = await this.views.document(person, address);
    const headers = {
      ...consoleHeaders('api'),
      'content-type': 'text/plain; charset=utf-8',
      'content-disposition': `attachment; filename="token-${address.tokenId}.json.txt"`,
    };
    this.responder.write(response, { status: 200, headers, body });
  }

  /** The picture at the URL of the record. What else the request says changes nothing. */
  @Get(':chain/:address/:token_id/image')
  async image(@CurrentPerson() person: Person, @Param() params: unknown, @Res() response: HttpResponse): Promise<void> {
    const wanted = await this.views.picture(person, toAddress(params));
    const { type, body } = await this.pictures.load(person, wanted);
    const headers = {
      ...consoleHeaders('api'),
      'content-security-policy': FOREIGN_CONTENT_SECURITY_POLICY,
      'content-type': type,
      'content-disposition': 'inline; filename="token"',
    };
    this.responder.write(response, { status: 200, headers, body });
  }

  @Get(':chain/:address/:token_id/attempts')
  async attempts(
    @CurrentPerson() person: Person,
    @Param() params: unknown,
    @Query() query: unknown,
    @Req() request: HttpRequest,
    @Res() response: HttpResponse,
  ): Promise<void> {
    const { cursor } = attemptsQuerySchema.parse(query);
    this.responder.send(request, response, await this.views.attempts(person, toAddress(params), cursor));
  }

  @Get(':chain/:address/:token_id/versions')
  async versions(
    @CurrentPerson() person: Person,
    @Param() params: unknown,
    @Query() query: unknown,
    @Req() request: HttpRequest,
    @Res() response: HttpResponse,
  ): Promise<void> {
    const { cursor } = versionsQuerySchema.parse(query);
    this.responder.send(request, response, await this.views.history(person, toAddress(params), cursor?.version));
  }

  @Get(':chain/:address/:token_id/versions/:from/diff')
  async diff(
    @CurrentPerson() person: Person,
    @Param() params: unknown,
    @Param('from') from: unknown,
    @Query() query: unknown,
    @Req() request: HttpRequest,
    @Res() response: HttpResponse,
  ): Promise<void> {
    const range = { from: parseOrNotFound(numberSchema, from), to: diffQuerySchema.parse(query).to };
    this.responder.send(request, response, await this.views.diff(person, toAddress(params), range));
  }

  @Post(':chain/:address/:token_id/refresh')
  async refresh(
    @CurrentPerson() person: Person,
    @Param() params: unknown,
    @Req() request: HttpRequest,
    @Res() response: HttpResponse,
  ): Promise<void> {
    const address = toAddress(params);
    const target = `${address.chainId}/${address.address}/${address.tokenId}`;
    const wanted: WantedAction = { person, action: 'token.refresh', target };
    const refreshId = await this.actions.run(wanted, async () => {
      const collection = await this.views.collectionOf(person, address);
      wanted.projectId = collection.projectId;
      return this.newRefreshes.request(person, collection, { tokenIds: [address.tokenId] });
    });
    this.responder.send(request, response, { now: new Date().toISOString(), refreshId });
  }
}

function toAddress(params: unknown): TokenAddress {
  return parseOrNotFound(tokenSchema, params);
}

/** What has no such form is not there. */
function parseOrNotFound<Schema extends z.ZodType>(schema: Schema, value: unknown): z.output<Schema> {
  const parsed = schema.safeParse(value);
  if (!parsed.success) throw notFound();
  return parsed.data;
}
