import { applyDecorators } from '@nestjs/common';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import { DocumentsIdempotencyKey, replayedHeader } from '../idempotency-key.js';
import { limitHeaders, Responds } from '../openapi/documented-response.js';
import { Authenticated } from '../openapi/security.js';
import {
  Fails,
  FailsForCollection,
  FailsForReusedKey,
  FailsLikeAll,
  FailsTooOften,
  FailsWithBody,
} from '../project-api/project-api.documentation.js';
import { revealPageSchema, revealReceiptSchema, revealSchema } from './reveal-api.responses.js';
import { revealDetailsSchema } from './reveal-preview.responses.js';

const ID = '0b8a2f5e-7d1c-4d0e-9f37-52c1a9e4b6d0';
const COLLECTION = '0x95cf5c1b78ed03db3a1d69e722f2e2fa40cdf584';

export const IsRevealRoute = () => applyDecorators(ApiTags('Reveals'), Authenticated('projectApi'), FailsLikeAll());

export const FailsWithoutReveal = () =>
  Fails(404, 'The project has no such reveal. A reveal of another project gets the same response.', {
    code: 'reveal_not_found',
    message: `Reveal ${ID} does not exist.`,
  });

const ControlsReveal = () =>
  applyDecorators(
    IsRevealRoute(),
    FailsWithoutReveal(),
    FailsWithBody(),
    FailsTooOften('Too many requests per second; requests for refreshes count too.'),
  );

export const DocumentsCreateReveal = () =>
  applyDecorators(
    IsRevealRoute(),
    ApiOperation({
      summary: 'Fetch documents for a reveal',
      description:
        'Fetches the documents of these tokens and keeps them. Readers see nothing of them until the reveal is published, neither in records, traits and counts nor in entity tags and events. The tokens count towards the quota. A collection has one open reveal at a time. All ids of `token_ids` must be registered.',
      operationId: 'createReveal',
    }),
    DocumentsIdempotencyKey(),
    Responds(202, 'The reveal is accepted, and its documents will be fetched.', revealReceiptSchema, {
      headers: { ...limitHeaders, ...replayedHeader },
    }),
    FailsForCollection(),
    Fails(404, 'Some of the tokens are not registered.', {
      code: 'token_not_found',
      message: 'Token 7 is not registered.',
    }),
    Fails(409, 'The collection has an open reveal, or one that is being reverted. `details` is its id.', {
      code: 'reveal_in_progress',
      message: `Collection ${COLLECTION} has an open reveal already, ${ID}: publish or cancel it first.`,
      details: ID,
    }),
    FailsForReusedKey(),
    FailsWithBody(),
    FailsTooOften('Too many requests per second, or more tokens than the quota has left.'),
    Fails(501, 'The deployment has no reveals.', {
      code: 'not_supported',
      message: 'This deployment has no reveals: its TokenStore comes without a StagingStore.',
    }),
  );

export const DocumentsListReveals = () =>
  applyDecorators(
    IsRevealRoute(),
    ApiOperation({ summary: 'List the project’s reveals, newest first', operationId: 'listReveals' }),
    Responds(200, 'A page of reveals.', revealPageSchema),
  );

export const DocumentsGetReveal = () =>
  applyDecorators(
    IsRevealRoute(),
    ApiOperation({
      summary: 'Read the state of a reveal, and what publishing it would change',
      operationId: 'getReveal',
    }),
    Responds(200, 'Its state and counts.', revealDetailsSchema),
    FailsWithoutReveal(),
  );

export const DocumentsPublishReveal = () =>
  applyDecorators(
    ControlsReveal(),
    ApiOperation({
      summary: 'Publish a reveal',
      description:
        'All of its records, versions, traits and counts change in one transaction: before the commit, every reader sees the old collection; after it, the new one. The response does not wait for the commit: the state is `publishing` until it is `published`. A token that was fetched again, restored or pushed after it was staged keeps that content. Tokens without a staged document do not change. With `at`, the reveal is published at that time. Publishing a published reveal changes nothing.',
      operationId: 'publishReveal',
    }),
    Responds(202, 'The reveal as it is now.', revealSchema),
    Fails(
      409,
      'Tokens are pending, or too few are staged (`reveal_not_ready`); or it is cancelled, expired or reverted (`reveal_ended`).',
      {
        code: 'reveal_not_ready',
        message: `Reveal ${ID} is not ready: 3 of its 10000 tokens are pending. Wait for them, or cancel what is pending of refresh 6c5d2a3e-9b1c-4f6e-8a37-1d0f0a5b7c21 and of its retries.`,
      },
    ),
  );

export const DocumentsRevertReveal = () =>
  applyDecorators(
    ControlsReveal(),
    ApiOperation({
      summary: 'Revert a published reveal',
      description:
        'The documents that the reveal has replaced are written again, as new versions, in one transaction like the publication. Tokens whose content has changed since stay as they are, and so do tokens that had no metadata before. The response does not wait for it: the state is `reverting` until it is `reverted`. The receipt of the refresh in `reverted` says what became of each token. The next refresh fetches as ever; with `hold_until`, refreshes leave the restored tokens as they are until then. Reverting a reverted reveal changes nothing.',
      operationId: 'revertReveal',
    }),
    Responds(202, 'The reveal as it is now.', revealSchema),
    Fails(
      409,
      'It is not published, it has changed no record, or the deployment keeps no earlier documents (`reveal_not_revertible`); or the collection has an open reveal, whose id is in `details` (`reveal_in_progress`).',
      {
        code: 'reveal_not_revertible',
        message: `Reveal ${ID} is staged, and only a published reveal can be reverted. Cancel it instead: it has changed nothing yet.`,
      },
    ),
  );

export const DocumentsCancelReveal = () =>
  applyDecorators(
    ControlsReveal(),
    ApiOperation({
      summary: 'Cancel a reveal',
      description:
        'Pending tokens are no longer fetched, and the staged documents are deleted, in the background. Cancelling a cancelled reveal changes nothing.',
      operationId: 'cancelReveal',
    }),
    Responds(202, 'The reveal as it is now.', revealSchema),
    Fails(409, 'It is published, reverted or expired, or is being published.', {
      code: 'reveal_ended',
      message: `Reveal ${ID} is published: it cannot be changed any more.`,
    }),
  );
