import { applyDecorators } from '@nestjs/common';
import { ApiOperation, ApiResponse } from '@nestjs/swagger';
import { Responds } from '../openapi/documented-response.js';
import { Fails, FailsLikeAll, FailsWithoutRefresh, IsDocumented } from './project-api.documentation.js';
import { refreshTokenPageSchema } from './refresh-tokens.responses.js';

const ORDER = 'In the order of token ids. Pages may be read while the refresh runs: no token is listed twice.';

export const DocumentsTokens = () =>
  applyDecorators(
    IsDocumented(),
    ApiOperation({
      summary: 'List the tokens of a refresh: how each ended, what changed, and why it failed',
      description: `${ORDER} A page with a filter that few tokens match can be short, even empty: continue while \`remaining\` is 1. With \`Accept: text/csv\` or \`application/x-ndjson\`, the response is a stream of all rows.`,
      operationId: 'listRefreshTokens',
    }),
    Responds(200, 'A page of tokens.', refreshTokenPageSchema),
    FailsLikeAll(),
    FailsWithoutRefresh(),
    Fails(406, '`Accept` allows none of the types of this route.', {
      code: 'not_acceptable',
      message:
        'This route responds with application/json, text/csv, application/x-ndjson; "Accept: text/html" allows none.',
    }),
  );

/** The same rows as a file, which a link can name. */
const DocumentsStream = (operationId: string, type: string, summary: string, example: string) =>
  applyDecorators(
    IsDocumented(),
    ApiOperation({ summary, description: ORDER, operationId }),
    ApiResponse({
      status: 200,
      description: 'All rows, as a stream.',
      content: { [type]: { schema: { type: 'string' }, example } },
    }),
    FailsLikeAll(),
    FailsWithoutRefresh(),
  );

export const DocumentsTokensAsCsv = () =>
  DocumentsStream(
    'listRefreshTokensAsCsv',
    'text/csv',
    'List all tokens of a refresh as CSV',
    'token_id,verdict,attempts,…\r\n1,updated,1,…\r\n',
  );

export const DocumentsTokensAsNdjson = () =>
  DocumentsStream(
    'listRefreshTokensAsNdjson',
    'application/x-ndjson',
    'List all tokens of a refresh as NDJSON',
    '{"token_id":"1","verdict":"updated",…}\n',
  );
