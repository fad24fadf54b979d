import { ApiResponse, type ApiResponseOptions } from '@nestjs/swagger';
import type { z } from 'zod';

type Headers = NonNullable<ApiResponseOptions['headers']>;

const text = (description: string, example: string) => ({
  description,
  schema: { type: 'string' as const, examples: [example] },
});

/** On 202 and 429. Counted in tokens, the unit of the limit. */
export const limitHeaders = {
  'x-imx-refreshes-limit': text('Tokens that can be refreshed in an hour.', '30000'),
  'x-imx-remaining-refreshes': text('Tokens left in the current hour.', '29000'),
  'x-imx-refresh-limit-reset': text('When the current hour ends, UNIX time in seconds.', '1795257000'),
} satisfies Headers;

export const retryAfterHeader = {
  'retry-after': text('Seconds after which a request can succeed.', '1'),
} satisfies Headers;

export const entityTagHeader = {
  etag: text('Changes exactly when the content of the response changes.', '"zL0nCq1Vw2m8c0y5oG6mUeVq4Xs"'),
} satisfies Headers;

/** On every response. */
export const requestIdHeader = {
  'x-request-id': text(
    'The id of the request: that of the request header `x-request-id` if it has up to 64 letters, digits, "-" and "_", else a new one. Name it when you report a problem.',
    'f3b1c1c0-1f0a-4b6e-9d0f-0d9b3d2f1a11',
  ),
} satisfies Headers;

/** Documents one response of an endpoint. Without a schema, the response has no body. */
export function Responds(
  status: number,
  description: string,
  schema?: z.ZodType,
  extra: { headers?: Headers; example?: object } = {},
): MethodDecorator {
  return ApiResponse({
    status,
    description,
    ...(schema && { standardSchema: schema }),
    ...extra,
  } as ApiResponseOptions);
}
