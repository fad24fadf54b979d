import { applyDecorators } from '@nestjs/common';
import { ApiOperation } from '@nestjs/swagger';
import { DocumentsIdempotencyKey, replayedHeader } from '../idempotency-key.js';
import { limitHeaders, Responds } from '../openapi/documented-response.js';
import {
  Fails,
  FailsForReusedKey,
  FailsLikeAll,
  FailsTooOften,
  FailsWithBody,
  FailsWithoutRefresh,
  IsDocumented,
} from './project-api.documentation.js';
import { receiptSchema, refreshSchema } from './project-api.responses.js';

const ID = '6c5d2a3e-9b1c-4f6e-8a37-1d0f0a5b7c21';

const Controls = () =>
  applyDecorators(
    IsDocumented(),
    FailsLikeAll(),
    FailsWithoutRefresh(),
    FailsWithBody(),
    FailsTooOften('Too many requests per second; requests for refreshes count too.'),
  );

const FailsWhenEnded = () =>
  Fails(409, 'The refresh is completed (`refresh_completed`), or was cancelled (`refresh_cancelled`).', {
    code: 'refresh_cancelled',
    message: `Refresh ${ID} was cancelled; request a new refresh of its tokens.`,
  });

export const DocumentsCancel = () =>
  applyDecorators(
    Controls(),
    ApiOperation({
      summary: 'Cancel a refresh',
      description:
        'Pending tokens are no longer fetched. They end with the verdict `cancelled` in the background, and their metadata does not change. Fetches in progress keep their result; instead of a retry, their token is cancelled. Tokens that were never begun are given back to the hour that they were charged to, if it is still running. Cancelling a cancelled refresh changes nothing.',
      operationId: 'cancelRefresh',
    }),
    Responds(202, 'The refresh as it is now. It is `completed` when no token is pending.', refreshSchema),
    Fails(409, 'The refresh is completed.', {
      code: 'refresh_completed',
      message: `Refresh ${ID} is completed: no token of it is pending.`,
    }),
  );

export const DocumentsPause = () =>
  applyDecorators(
    Controls(),
    ApiOperation({
      summary: 'Pause a refresh',
      description:
        'No token is fetched until the refresh is resumed; what is being fetched is finished. `status` stays as it is, and `paused_at` is set. A refresh that is paused for 30 days is cancelled. Pausing a paused refresh changes nothing.',
      operationId: 'pauseRefresh',
    }),
    Responds(202, 'The refresh as it is now.', refreshSchema),
    FailsWhenEnded(),
  );

export const DocumentsResume = () =>
  applyDecorators(
    Controls(),
    ApiOperation({
      summary: 'Resume a paused refresh',
      description: 'Retries keep their due time. Resuming a refresh that is not paused changes nothing.',
      operationId: 'resumeRefresh',
    }),
    Responds(202, 'The refresh as it is now.', refreshSchema),
    FailsWhenEnded(),
  );

export const DocumentsRetry = () =>
  applyDecorators(
    Controls(),
    ApiOperation({
      summary: 'Refresh the failed tokens of a refresh again',
      description:
        'Accepts a new refresh, with `retry_of`, of the tokens that have failed so far, however many they are. They count towards the quota like those of any request; if they are more than the quota has left, the retry is refused. The old refresh does not change. It may still be running or be cancelled.',
      operationId: 'retryRefresh',
    }),
    DocumentsIdempotencyKey(),
    Responds(202, 'The new refresh is accepted.', receiptSchema, { headers: { ...limitHeaders, ...replayedHeader } }),
    Fails(403, 'The collection of the refresh does not belong to the project any more.', {
      code: 'forbidden',
      message: 'Collection 0x95cf5c1b78ed03db3a1d69e722f2e2fa40cdf584 is not a collection of this project.',
    }),
    Fails(409, 'No token has failed, or none for these reasons.', {
      code: 'nothing_to_retry',
      message: `No token of refresh ${ID} has failed for timeout.`,
    }),
    FailsForReusedKey(),
  );
