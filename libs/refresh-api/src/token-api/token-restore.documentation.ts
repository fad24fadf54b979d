import { applyDecorators } from '@nestjs/common';
import { ApiOperation } from '@nestjs/swagger';
import { Responds } from '../openapi/documented-response.js';
import { Authenticated } from '../openapi/security.js';
import { Fails, FailsTooOften, FailsWithBody } from '../project-api/project-api.documentation.js';
import { FailsAsUnauthorized, FailsAsNotOwned } from './token-api.documentation.js';
import { IsVersionRoute, VersionUnknown } from './token-versions.documentation.js';
import { restorationSchema } from './token-versions.responses.js';

const IsForTheOwner = () =>
  applyDecorators(
    IsVersionRoute(),
    Authenticated('projectApi'),
    FailsAsUnauthorized(),
    FailsAsNotOwned(),
    FailsWithBody(),
    FailsTooOften('Too many requests per second; requests for refreshes count too.'),
  );

export const DocumentsRestore = () =>
  applyDecorators(
    IsForTheOwner(),
    ApiOperation({
      summary: 'Show an earlier version of a token again',
      description:
        'The document of the version is written again, as a new version. Running fetches do not replace it; the next refresh fetches as usual. With `hold_until`, refreshes of the token end with the verdict `held` until then, and if there were any, one refresh follows. A restore does not count towards the quota.',
      operationId: 'restoreVersion',
    }),
    Responds(200, 'The record shows the version.', restorationSchema),
    VersionUnknown(),
  );

export const DocumentsEndHold = () =>
  applyDecorators(
    IsForTheOwner(),
    ApiOperation({
      summary: 'End the hold of a token',
      description: 'If the token was to be refreshed during the hold, one refresh follows within seconds.',
      operationId: 'endHold',
    }),
    Responds(204, 'The token is not held any more.'),
    Fails(404, 'The token is not held.', { code: 'hold_not_found', message: 'Token 7 is not held.' }),
  );
