import { Readable } from 'node:stream';
import {
  CSV_HEADER,
  isRefreshReason,
  MetadataRefreshService,
  REFRESH_TRIGGERS,
  Refreshes,
  toCsv,
  type ProjectRefresh,
  type RefreshingProject,
} from '@app/metadata-refresh';
import { ProjectDirectory } from '@app/project-auth';
import { asRefreshingProject } from '@app/refresh-api';
import {
  Body,
  Controller,
  Get,
  Param,
  Post,
  Query,
  Req,
  Res,
  StreamableFile,
  UseFilters,
  UseGuards,
} from '@nestjs/common';
import { ApiExcludeController } from '@nestjs/swagger';
import { z } from 'zod';
import { Actions, type WantedAction } from '../actions.js';
import { ConsoleFilter } from '../console.filter.js';
import { notFound } from '../console.errors.js';
import { cursorSchema, tokenPositionSchema, uuidPositionSchema } from '../cursor.js';
import { consoleHeaders } from '../headers.js';
import { headerOf, type HttpRequest, type HttpResponse } from '../http.js';
import type { Person } from '../person.js';
import { absentIfEmpty, idSchema } from '../query.js';
import { Responder } from '../responder.js';
import { OwnPage } from '../session/own-page.js';
import { CurrentPerson, PersonGuard } from '../session/person.guard.js';
import { SharedReads } from '../shared-reads.js';
import { retryRequestSchema } from '../wire/refresh.schema.js';
import { TOKEN_STATES } from '../wire/refresh-token.schema.js';
import { RefreshViews } from './refresh-views.js';

const listQuerySchema = z.object({
  project: absentIfEmpty(z.string().max(200)),
  collection: absentIfEmpty(idSchema),
  status: absentIfEmpty(z.enum(['running', 'done', 'with-failures'])),
  trigger: absentIfEmpty(z.union([z.enum(REFRESH_TRIGGERS), z.literal('all')])),
  cursor: cursorSchema(uuidPositionSchema),
});

const tokensQuerySchema = z.object({
  verdict: absentIfEmpty(z.enum(TOKEN_STATES)),
  reason: absentIfEmpty(z.string().refine(isRefreshReason, { error: 'is no reason of a failure' })),
  token: absentIfEmpty(z.string().regex(/^[0-9]{1,78}$/, { error: 'must be a token id: decimal digits' })),
  order: z.enum(['latest', 'token_id']).default('token_id'),
  cursor: cursorSchema(tokenPositionSchema),
});

/** Refreshes: lists, one, why its tokens failed, its tokens, and what can be done with it. */
@ApiExcludeController()
@Controller()
@UseFilters(ConsoleFilter)
@UseGuards(OwnPage, PersonGuard)
export class RefreshesController {
  constructor(
    private readonly views: RefreshViews,
    private readonly refreshes: MetadataRefreshService,
    private readonly ofOperators: Refreshes,
    private readonly projects: ProjectDirectory,
    private readonly actions: Actions,
    private readonly shared: SharedReads,
    private readonly responder: Responder,
  ) {}

  @Get()
  async list(
    @CurrentPerson() person: Person,
    @Query() given: unknown,
    @Req() request: HttpRequest,
    @Res() response: HttpResponse,
  ): Promise<void> {
    const { project, collection, status, trigger, cursor } = listQuerySchema.parse(given);
    const triggers = trigger === 'all' ? REFRESH_TRIGGERS : trigger && [trigger];
    const wanted = { projectId: project, collectionId: collection, state: status, triggers, after: cursor };
    this.responder.send(
      request,
      response,
      await this.shared.read(person, request, () => this.views.list(person, wanted)),
    );
  }

  @Get(':id')
  async read(
    @CurrentPerson() person: Person,
    @Param('id') id: string,
    @Req() request: HttpRequest,
    @Res() response: HttpResponse,
  ): Promise<void> {
    this.responder.send(
      request,
      response,
      await this.shared.read(person, request, () => this.views.details(person, id)),
    );
  }

  @Get(':id/reasons')
  async reasons(
    @CurrentPerson() person: Person,
    @Param('id') id: string,
    @Req() request: HttpRequest,
    @Res() response: HttpResponse,
  ): Promise<void> {
    this.responder.send(
      request,
      response,
      await this.shared.read(person, request, () => this.views.reasons(person, id)),
    );
  }

  /** As CSV, if the page asks for that: all that match, as a stream. */
  @Get(':id/tokens')
  async tokens(
    @CurrentPerson() person: Person,
    @Param('id') id: string,
    @Query() given: unknown,
    @Req() request: HttpRequest,
    @Res() response: HttpResponse,
  ): Promise<void> {
    const { verdict, reason, token, order, cursor } = tokensQuerySchema.parse(given);
    const filter = { verdict, reason, tokenId: token, after: cursor?.tokenId };
    if (headerOf(request, 'accept')?.includes('text/csv')) return this.sendCsv(person, id, filter, response);
    const read = () => this.views.tokensOf(person, id, { ...filter, order });
    this.responder.send(request, response, await this.shared.read(person, request, read));
  }

  /** The same, for a link that a browser downloads. */
  @Get(':id/tokens.csv')
  async csv(
    @CurrentPerson() person: Person,
    @Param('id') id: string,
    @Query() given: unknown,
    @Res() response: HttpResponse,
  ): Promise<void> {
    const { verdict, reason, token } = tokensQuerySchema.parse(given);
    await this.sendCsv(person, id, { verdict, reason, tokenId: token }, response);
  }

  @Post(':id/retry')
  async retry(
    @CurrentPerson() person: Person,
    @Param('id') id: string,
    @Body() body: unknown,
    @Req() request: HttpRequest,
    @Res() response: HttpResponse,
  ): Promise<void> {
    const refreshId = await this.act(person, 'refresh.retry', id, async (refresh, project) => {
      const { reasons, charge = true } = retryRequestSchema.parse(body);
      if (person.kind === 'operator' && !charge)
        return (await this.ofOperators.retry(refresh.id, { reasons })).refreshId;
      return (await this.refreshes.retryRefresh(project, refresh.id, { reasons })).refreshId;
    });
    this.responder.send(request, response, { now: new Date().toISOString(), refreshId });
  }

  @Post(':id/cancel')
  async cancel(
    @CurrentPerson() person: Person,
    @Param('id') id: string,
    @Req() request: HttpRequest,
    @Res() response: HttpResponse,
  ): Promise<void> {
    await this.act(person, 'refresh.cancel', id, (refresh, project) =>
      this.refreshes.cancelRefresh(project, refresh.id),
    );
    this.responder.send(request, response, await this.actions.show(() => this.views.details(person, id)));
  }

  @Post(':id/pause')
  async pause(
    @CurrentPerson() person: Person,
    @Param('id') id: string,
    @Req() request: HttpRequest,
    @Res() response: HttpResponse,
  ): Promise<void> {
    await this.act(person, 'refresh.pause', id, (refresh, project) => this.refreshes.pauseRefresh(project, refresh.id));
    this.responder.send(request, response, await this.actions.show(() => this.views.details(person, id)));
  }

  @Post(':id/resume')
  async resume(
    @CurrentPerson() person: Person,
    @Param('id') id: string,
    @Req() request: HttpRequest,
    @Res() response: HttpResponse,
  ): Promise<void> {
    await this.act(person, 'refresh.resume', id, (refresh, project) =>
      this.refreshes.resumeRefresh(project, refresh.id),
    );
    this.responder.send(request, response, await this.actions.show(() => this.views.details(person, id)));
  }

  /** On behalf of the project whose refresh it is. */
  private act<Result>(
    person: Person,
    action: string,
    refreshId: string,
    work: (refresh: ProjectRefresh, project: RefreshingProject) => Promise<Result>,
  ): Promise<Result> {
    const wanted: WantedAction = { person, action, target: refreshId };
    return this.actions.run(wanted, async () => {
      const refresh = await this.views.get(person, refreshId);
      wanted.projectId = refresh.projectId;
      const project = person.kind === 'partner' ? person.project : await this.projects.findById(refresh.projectId);
      if (!project) throw notFound();
      return work(refresh, asRefreshingProject(project));
    });
  }

  private async sendCsv(
    person: Person,
    refreshId: string,
    filter: Parameters<RefreshViews['tokenPages']>[2],
    response: HttpResponse,
  ): Promise<void> {
    const pages = this.views.tokenPages(person, refreshId, filter);
    // Before the response begins: its errors have a status and a body.
    const first = await pages.next();
    const texts = async function* () {
      yield CSV_HEADER + toCsv(first.value ?? []);
      // The next page is read when the client has taken this one.
      for await (const rows of pages) yield toCsv(rows);
    };
    const file = new StreamableFile(Readable.from(texts(), { objectMode: false }));
    const headers = {
      ...consoleHeaders('api'),
      'content-type': 'text/csv; charset=utf-8',
      'content-disposition': `attachment; filename="refresh-${refreshId.toLowerCase()}.csv"`,
    };
    this.responder.write(response, { status: 200, headers, body: file });
  }
}
