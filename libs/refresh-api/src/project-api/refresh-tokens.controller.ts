import { Readable } from 'node:stream';
import { CSV_HEADER, MetadataRefreshService, toCsv, toNdjson, type RefreshToken } from '@app/metadata-refresh';
import { CurrentProject, type CallingProject } from '@app/project-auth';
import {
  Controller,
  Get,
  Headers,
  NotAcceptableException,
  Param,
  Query,
  Res,
  StreamableFile,
  UseFilters,
  UseGuards,
} from '@nestjs/common';
import { authenticatedBy } from '../authenticated-by.guard.js';
import { setHeaders, type HttpResponse } from '../http-response.js';
import { negotiateType } from '../negotiated-type.js';
import { asRefreshingProject } from '../refreshing-project.js';
import { validatedBy } from '../validated-by.js';
import { DocumentsTokens, DocumentsTokensAsCsv, DocumentsTokensAsNdjson } from './refresh-tokens.documentation.js';
import { ProjectApiFilter } from './project-api.filter.js';
import { refreshIdSchema } from './project-api.schemas.js';
import { toTokenPage } from './refresh-tokens.presenter.js';
import { listTokensSchema, type ListTokens } from './refresh-tokens.schemas.js';

const TYPES = ['application/json', 'text/csv', 'application/x-ndjson'] as const;

interface StreamFormat {
  type: string;
  extension: string;
  header: string;
  toText: (tokens: readonly RefreshToken[]) => string;
}
const CSV: StreamFormat = { type: 'text/csv; charset=utf-8', extension: 'csv', header: CSV_HEADER, toText: toCsv };
const NDJSON: StreamFormat = { type: 'application/x-ndjson', extension: 'ndjson', header: '', toText: toNdjson };

const RefreshId = () => Param('refresh_id', validatedBy(refreshIdSchema));
const TokensQuery = () => Query(validatedBy(listTokensSchema));

/**
 * An addition to the wire format of Immutable X: what became of each token of a refresh, in pages of JSON, or all of it as a stream
 * of CSV or NDJSON.
 */
@Controller()
@UseGuards(authenticatedBy('projectApi'))
@UseFilters(ProjectApiFilter)
export class RefreshTokensController {
  constructor(private readonly refreshes: MetadataRefreshService) {}

  @Get(':refresh_id/tokens')
  @DocumentsTokens()
  async list(
    @CurrentProject() project: CallingProject,
    @RefreshId() refreshId: string,
    @TokensQuery() query: ListTokens,
    @Headers('accept') accept: string | undefined,
    @Res({ passthrough: true }) response: HttpResponse,
  ) {
    setHeaders(response, { vary: 'Accept' });
    switch (negotiateType(accept, TYPES)) {
      case 'application/json':
        return toTokenPage(await this.refreshes.listTokens(asRefreshingProject(project), refreshId, query));
      case 'text/csv':
        return this.stream(project, refreshId, query, CSV);
      case 'application/x-ndjson':
        return this.stream(project, refreshId, query, NDJSON);
      case null:
        throw new NotAcceptableException(
          `This route responds with ${TYPES.join(', ')}; "Accept: ${accept}" allows none.`,
        );
    }
  }

  @Get(':refresh_id/tokens.csv')
  @DocumentsTokensAsCsv()
  async csv(
    @CurrentProject() project: CallingProject,
    @RefreshId() refreshId: string,
    @TokensQuery() query: ListTokens,
  ) {
    return this.stream(project, refreshId, query, CSV);
  }

  @Get(':refresh_id/tokens.ndjson')
  @DocumentsTokensAsNdjson()
  async ndjson(
    @CurrentProject() project: CallingProject,
    @RefreshId() refreshId: string,
    @TokensQuery() query: ListTokens,
  ) {
    return this.stream(project, refreshId, query, NDJSON);
  }

  private async stream(
    project: CallingProject,
    refreshId: string,
    query: ListTokens,
    { type, extension, header, toText }: StreamFormat,
  ): Promise<StreamableFile> {
    const pages = this.refreshes.tokenPages(asRefreshingProject(project), refreshId, query);
    // Before the response begins: its errors have a status and a body.
    const first = await pages.next();
    const texts = async function* () {
      yield header + toText(first.value ?? []);
      // The next page is read when the client has taken this one.
      for await (const tokens of pages) yield toText(tokens);
    };
    return new StreamableFile(Readable.from(texts(), { objectMode: false }), {
      type,
      disposition: `attachment; filename="refresh-${refreshId.toLowerCase()}.${extension}"`,
    });
  }
}
