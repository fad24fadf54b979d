import { applyDecorators } from '@nestjs/common';
import { ApiOperation } from '@nestjs/swagger';
import { Responds } from '../openapi/documented-response.js';
import { Fails } from '../project-api/project-api.documentation.js';
import { traitsSchema } from '../token-api/token-api.responses.js';
import { FailsWithoutReveal, IsRevealRoute } from './reveal-api.documentation.js';
import { lintSchema, revealTokenSchema, stagedTokenPageSchema } from './reveal-preview.responses.js';

const ID = '0b8a2f5e-7d1c-4d0e-9f37-52c1a9e4b6d0';

const PreviewsReveal = () =>
  applyDecorators(
    IsRevealRoute(),
    Fails(409, 'It is published, cancelled or expired: its documents are gone.', {
      code: 'reveal_ended',
      message: `Reveal ${ID} is cancelled: its documents are deleted, and there is nothing to look at any more. Create a new one.`,
    }),
  );

const PreviewsWholeReveal = () =>
  applyDecorators(
    PreviewsReveal(),
    FailsWithoutReveal(),
    Fails(501, 'The deployment has no previews of reveals.', {
      code: 'not_supported',
      message: 'This deployment has no previews of reveals: its StagingStore does not provide them.',
    }),
  );

const AGE = 'For more than 5,000 documents, the response can be as old as a millisecond for each.';

export const DocumentsStagedTraits = () =>
  applyDecorators(
    PreviewsWholeReveal(),
    ApiOperation({
      summary: 'List the traits of the collection as they would be after the publication',
      description: `Counts of all tokens of the collection: of staged ones with their staged document, of others as they are. ${AGE}`,
      operationId: 'listRevealTraits',
    }),
    Responds(200, 'The traits that tokens would have.', traitsSchema),
  );

export const DocumentsLint = () =>
  applyDecorators(
    PreviewsWholeReveal(),
    ApiOperation({
      summary: 'Find what may be wrong with the staged documents',
      description: `Placeholders, duplicates, missing names, images and attributes, traits that are spelt in two ways, and warnings about documents. An empty list: nothing was found. A finding is a hint, and never prevents the publication. ${AGE}`,
      operationId: 'lintReveal',
    }),
    Responds(200, 'The findings, with examples.', lintSchema),
  );

export const DocumentsStagedTokens = () =>
  applyDecorators(
    PreviewsReveal(),
    FailsWithoutReveal(),
    ApiOperation({
      summary: 'List the staged tokens as they would be',
      description:
        'In the order of token ids. A page whose documents are large can have fewer rows: continue while `remaining` is 1. For tokens that failed, see the receipt of the refresh.',
      operationId: 'listStagedTokens',
    }),
    Responds(200, 'A page of staged tokens.', stagedTokenPageSchema),
  );

export const DocumentsRevealToken = () =>
  applyDecorators(
    PreviewsReveal(),
    ApiOperation({
      summary: 'Read a token of a reveal as it would be, or why it has no document',
      operationId: 'getRevealToken',
    }),
    Responds(200, 'The token with its record as it would be.', revealTokenSchema),
    Fails(404, 'The project has no such reveal (`reveal_not_found`), or the reveal no such token.', {
      code: 'token_not_found',
      message: `Token 7 is not a token of reveal ${ID}.`,
    }),
  );
