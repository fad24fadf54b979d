import { applyDecorators } from '@nestjs/common';
import { ApiOperation, ApiResponse, ApiTags } from '@nestjs/swagger';

const unreadable = { status: 400, description: 'The request is not valid HTTP.' };

const responds = (
  status: number,
  description: string,
  properties: object,
  example: object,
  required = Object.keys(properties),
) =>
  ApiResponse({
    status,
    description,
    schema: { type: 'object', required, properties: { ...properties } },
    example,
  });

export const DocumentsLive = () =>
  applyDecorators(
    ApiTags('Operations'),
    ApiOperation({ summary: 'Whether the process runs', operationId: 'isLive', security: [] }),
    responds(200, 'The process runs.', { status: { const: 'ok' } }, { status: 'ok' }),
    ApiResponse(unreadable),
  );

export const DocumentsReady = () =>
  applyDecorators(
    ApiTags('Operations'),
    ApiOperation({ summary: 'Whether the process can accept requests', operationId: 'isReady', security: [] }),
    responds(
      200,
      'The process is ready. `degraded`, if present, names what does not work meanwhile, such as a chain that cannot be read.',
      { status: { const: 'ok' }, degraded: { type: 'array', items: { type: 'string' } } },
      { status: 'ok', degraded: ['chain 1 is not read since 2026-11-30T12:00:00.000Z: status_503'] },
      ['status'],
    ),
    ApiResponse(unreadable),
    responds(
      503,
      'The process is not ready; the message names what is missing.',
      { code: { type: 'string' }, message: { type: 'string' } },
      { code: 'not_ready', message: 'the database does not respond' },
    ),
  );
