import { applyDecorators } from '@nestjs/common';
import { ApiOperation, ApiResponse, ApiTags } from '@nestjs/swagger';

const unreadable = { status: 400, description: 'The request is not valid HTTP.' };

const responds = (status: number, description: string, properties: object, example: object) =>
  ApiResponse({
    status,
    description,
    schema: { type: 'object', required: Object.keys(properties), properties: { ...properties } },
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
    responds(200, 'The process is ready.', { status: { const: 'ok' } }, { status: 'ok' }),
    ApiResponse(unreadable),
    responds(
      503,
      'The process is not ready; the message names what is missing.',
      { code: { type: 'string' }, message: { type: 'string' } },
      { code: 'not_ready', message: 'the database does not respond' },
    ),
  );
