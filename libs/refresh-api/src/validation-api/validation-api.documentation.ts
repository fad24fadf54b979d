import { applyDecorators } from '@nestjs/common';
import { ApiOperation } from '@nestjs/swagger';
import { limitHeaders, Responds } from '../openapi/documented-response.js';
import {
  FailsForCollection,
  FailsLikeAll,
  FailsTooOften,
  FailsWithBody,
  IsDocumented,
} from '../project-api/project-api.documentation.js';
import { validationSchema } from './validation-api.schemas.js';

const COLLECTION = '0x95cf5c1b78ed03db3a1d69e722f2e2fa40cdf584';
const URL = 'https://api.game.example/tokens';
const FETCHED_AT = '2026-11-21T09:30:00.000Z';

const NOTHING = {
  error_code: null,
  reason: null,
  advice: null,
  retried_by_refresh: false,
  response_body: null,
  warnings: [],
  changed_fields: [],
  traits_added: [],
  traits_removed: [],
  has_all_traits: true,
  omitted: null,
  record: null,
};

/** One token that would change, and one that would fail. */
const EXAMPLE = {
  collection_address: COLLECTION,
  verdicts: { updated: 1, unchanged: 0, superseded: 0, held: 0, failed: 1, not_tried: 0, not_finished: 0 },
  cooldown: null,
  tokens: [
    {
      ...NOTHING,
      token_id: '1',
      verdict: 'updated',
      requests: [
        {
          url: `${URL}/1`,
          redirects: ['https://cdn.game.example/tokens/1.json'],
          outcome: 'fetched',
          status_code: 200,
          reason: null,
          duration_ms: 84,
          bytes: 96,
        },
      ],
      warnings: [
        {
          code: 'relative_image',
          message: 'The URL in image was dropped, because it is a path or a file name: write the whole URL.',
        },
      ],
      changed_fields: ['name', 'image_original', 'attributes'],
      traits_added: [{ trait_type: 'Hat', value: 'Crown' }],
      traits_removed: [{ trait_type: 'Stage', value: 'Egg' }],
      record: {
        chain_id: 1,
        collection_address: COLLECTION,
        token_id: '1',
        name: 'Dragon #1',
        description: null,
        image_url: null,
        image_original: '/images/1.png',
        image_version: 0,
        animation_url: null,
        animation_original: null,
        external_url: null,
        youtube_url: null,
        background_color: null,
        decimals: null,
        localization: null,
        attributes: [{ trait_type: 'Hat', value: 'Crown', value_type: 'string', display_type: null, max_value: null }],
        warnings: ['relative_image'],
        metadata_status: 'ok',
        metadata_url: `${URL}/1`,
        metadata_source: 'metadata_api',
        pushed_by: null,
        metadata_version: 2,
        content_hash: '7b5bc0d9d1f2f0e2b1a0d7c6e5f4a3b2c1d0e9f8a7b6c5d4e3f2a1b0c9d8e7f6',
        last_attempt_at: FETCHED_AT,
        last_success_at: FETCHED_AT,
        changed_at: FETCHED_AT,
        stale_since: null,
        held_until: null,
        burned_at: null,
        last_error_code: null,
        last_error_reason: null,
        document: {
          name: 'Dragon #1',
          image: '/images/1.png',
          attributes: [{ trait_type: 'Hat', value: 'Crown' }],
        },
      },
    },
    {
      ...NOTHING,
      token_id: '2',
      verdict: 'failed',
      requests: [
        {
          url: `${URL}/2`,
          redirects: [],
          outcome: 'bad_status',
          status_code: 404,
          reason: 'status_404',
          duration_ms: 31,
          bytes: 9,
        },
      ],
      error_code: 'invalid_response_status_code',
      reason: 'status_404',
      advice: 'Your server has no document for these tokens: publish it, or check the metadata URL and the ids.',
      response_body: 'Not found',
    },
  ],
};

export const DocumentsValidate = () =>
  applyDecorators(
    IsDocumented(),
    ApiOperation({
      summary: 'Find out what a refresh would do',
      description:
        'Fetches up to 20 tokens now and responds within 10 seconds. Nothing is stored: no record, no refresh, no attempt. Each token is fetched once, without a retry and without a conditional request, within the concurrency and the cooldown of its metadata host; a 429 starts a cooldown, as in a refresh. The tokens count towards the quota, whatever becomes of them. An id that is not registered is not fetched, and fails as `token_not_found`.',
      operationId: 'validateRefresh',
    }),
    Responds(200, 'What a refresh would do with each token.', validationSchema, {
      headers: limitHeaders,
      example: EXAMPLE,
    }),
    FailsLikeAll(),
    FailsForCollection(),
    FailsWithBody(),
    FailsTooOften(
      'Too many requests per second, more tokens than the quota has left, or four validations of the project are running.',
    ),
  );
