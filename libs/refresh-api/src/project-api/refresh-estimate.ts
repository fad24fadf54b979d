import type { RefreshEstimate } from '@app/metadata-refresh';
import { applyDecorators } from '@nestjs/common';
import { ApiOperation } from '@nestjs/swagger';
import { z } from 'zod';
import { limitHeaders, Responds } from '../openapi/documented-response.js';
import {
  FailsForCollection,
  FailsLikeAll,
  FailsTooOften,
  FailsWithBody,
  IsDocumented,
} from './project-api.documentation.js';
import { toHourBody } from './project-api.presenter.js';
import { tokensPerHourSchema } from './project-api.responses.js';

const EXCEEDED = {
  tokensPerRequest: 'tokens_per_request',
  tokensPerSelection: 'tokens_per_selection',
  tokensPerHour: 'tokens_per_hour',
} as const;

const estimateBodySchema = z
  .object({
    tokens: z
      .int()
      .min(0)
      .meta({
        description: 'Tokens of the refresh: those that are selected now, or the ids of the list, each once.',
        examples: [12_000],
      }),
    tokens_charged: z
      .int()
      .min(0)
      .meta({ description: 'Tokens that would count towards the quota.', examples: [12_000] }),
    tokens_per_hour: tokensPerHourSchema,
    expected_seconds: z
      .int()
      .nullable()
      .meta({
        description:
          'From its beginning to its completion, with all tokens that wait for the same metadata host, at the mean duration of past requests. `null`: there were none.',
        examples: [150],
      }),
    exceeds: z
      .enum(['tokens_per_request', 'tokens_per_selection', 'tokens_per_hour'])
      .nullable()
      .meta({ description: 'The limit that would refuse the request now. `null`: none.' }),
  })
  .meta({ id: 'RefreshEstimate' });

export function toEstimateBody(estimate: RefreshEstimate): z.output<typeof estimateBodySchema> {
  const { tokens, charged, quota, expectedSeconds, exceeds } = estimate;
  return {
    tokens,
    tokens_charged: charged,
    tokens_per_hour: toHourBody(quota),
    expected_seconds: expectedSeconds,
    exceeds: exceeds && EXCEEDED[exceeds],
  };
}

export const DocumentsEstimate = () =>
  applyDecorators(
    IsDocumented(),
    ApiOperation({
      summary: 'Estimate a refresh',
      description:
        'Takes the body of a request for a refresh, and returns the number of its tokens, how much of the quota it would use, and how long it would take. Nothing is requested. Counts towards the requests per second.',
      operationId: 'estimateRefresh',
    }),
    Responds(200, 'What the refresh would take.', estimateBodySchema, { headers: limitHeaders }),
    FailsLikeAll(),
    FailsForCollection(),
    FailsWithBody(),
    FailsTooOften('Too many requests per second; requests for refreshes count too.'),
  );
