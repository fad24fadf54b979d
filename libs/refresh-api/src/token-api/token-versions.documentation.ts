import { applyDecorators } from '@nestjs/common';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import { Responds, entityTagHeader } from '../openapi/documented-response.js';
import { Fails } from '../project-api/project-api.documentation.js';
import { FailsLikeAll } from './token-api.documentation.js';
import { versionDiffSchema, versionPageSchema, versionSchema } from './token-versions.responses.js';

export const IsVersionRoute = () =>
  applyDecorators(
    ApiTags('Tokens'),
    FailsLikeAll(),
    Fails(501, 'The deployment keeps no versions.', {
      code: 'not_supported',
      message: 'This deployment keeps no versions of token records: its TokenStore comes without a VersionStore.',
    }),
  );

export const VersionUnknown = () =>
  applyDecorators(
    Fails(404, 'The collection, the token or the version does not exist, or the version has expired.', {
      code: 'version_not_found',
      message: 'The token has no version 9, or it has expired. The list of its versions has those that can be read.',
    }),
    Fails(410, 'The document of the version is not kept any more.', {
      code: 'version_not_kept',
      message:
        'The document of version 1 is not kept any more. In the list of versions, `has_document` shows those that are.',
    }),
  );

export const DocumentsVersions = () =>
  applyDecorators(
    IsVersionRoute(),
    ApiOperation({
      summary: 'List the versions of a token, newest first',
      description: 'Each change of the content makes a version. Each row says what the version changed.',
      operationId: 'listVersions',
      security: [],
    }),
    Responds(200, 'A page of versions.', versionPageSchema),
    Fails(404, 'The collection or the token is not registered.', {
      code: 'token_not_found',
      message: 'Token 7 is not registered.',
    }),
  );

export const DocumentsVersion = () =>
  applyDecorators(
    IsVersionRoute(),
    ApiOperation({ summary: 'Read a version with its document', operationId: 'getVersion', security: [] }),
    Responds(200, 'The version.', versionSchema, { headers: entityTagHeader }),
    Responds(304, 'The content has not changed since the ETag that was sent.'),
    VersionUnknown(),
  );

export const DocumentsVersionDiff = () =>
  applyDecorators(
    IsVersionRoute(),
    ApiOperation({
      summary: 'Compare two versions of a token',
      operationId: 'compareVersions',
      security: [],
    }),
    Responds(200, 'What changed from the one to the other.', versionDiffSchema, { headers: entityTagHeader }),
    Responds(304, 'The content has not changed since the ETag that was sent.'),
    VersionUnknown(),
  );
