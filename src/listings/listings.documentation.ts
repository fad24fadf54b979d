import { applyDecorators } from '@nestjs/common';
import { ApiOperation, ApiQuery, ApiResponse, ApiTags, type ApiResponseOptions } from '@nestjs/swagger';
import type { z } from 'zod';
import { errorSchema, listingPageSchema } from './listings.presenter.js';

const responds = (status: number, description: string, standardSchema: z.ZodType, more: object = {}) =>
  ApiResponse({ status, description, standardSchema, ...more } as ApiResponseOptions);

const fails = (status: number, description: string, code: string, message: string, headers: object = {}) =>
  responds(status, description, errorSchema, { example: { code, message }, headers });

const parameter = (name: string, description: string, schema: object) =>
  ApiQuery({ name, required: false, description, schema });

export const DocumentsListings = () =>
  applyDecorators(
    ApiTags('Listings'),
    ApiOperation({
      summary: 'List tokens for sale with their current metadata, filtered and sorted',
      description:
        'Filters are combined with AND. The work for one page is bounded, so a page can have fewer listings than `page_size`, or none, while `remaining` is 1: when the matches are far along in the order, or when two common traits share few tokens. The next page continues from there.',
      operationId: 'listListings',
      security: [],
    }),
    parameter('collection_address', 'Only tokens of this contract; in any case.', { type: 'string' }),
    parameter(
      'chain_id',
      'The chain of `collection_address`; required if the address is registered on several chains.',
      { type: 'integer', minimum: 1 },
    ),
    parameter('q', 'Part of the name, case-insensitive.', { type: 'string', maxLength: 500 }),
    ApiQuery({
      name: 'traits',
      required: false,
      style: 'form',
      explode: true,
      description:
        'Filters by trait, up to 20, each a parameter of its own: `trait.<type>=<value>`, repeated for any of several values; for numbers `trait.<type>>=5`, `<=`, `>` and `<`.',
      schema: { type: 'object', additionalProperties: { type: 'string' } },
      example: { 'trait.Background': 'Red', 'trait.Level>': '5' },
    }),
    parameter(
      'order_by',
      'By the time at which they were put up for sale, by price in wei, or by name (case-insensitive).',
      {
        type: 'string',
        enum: ['created_at', 'price', 'name'],
        default: 'created_at',
      },
    ),
    parameter('direction', 'Default: newest first, cheapest first, or alphabetical.', {
      type: 'string',
      enum: ['asc', 'desc'],
    }),
    parameter('page_size', 'Listings in a page.', { type: 'integer', minimum: 1, maximum: 200, default: 50 }),
    parameter('cursor', 'The `cursor` of the previous page, of the same order. Empty or absent: the first page.', {
      type: 'string',
    }),
    responds(200, 'A page of listings.', listingPageSchema),
    fails(
      400,
      'A parameter is invalid, or the address is registered on several chains.',
      'input_validation_failed',
      'trait.Level>=five must compare with a decimal number, as in trait.Level>=5',
    ),
    fails(500, 'An internal error.', 'internal_server_error', 'The request failed because of an error in the service.'),
    fails(
      503,
      'The service is temporarily unavailable.',
      'service_unavailable',
      'The database took too long for this request. Try again in a moment.',
      { 'retry-after': { description: 'Seconds after which a request can succeed.', schema: { type: 'string' } } },
    ),
  );
