import { createRefreshApiDocument } from '@app/refresh-api';
import type { INestApplication } from '@nestjs/common';
import { SwaggerModule, type OpenAPIObject } from '@nestjs/swagger';

/** Of everything that the application answers, whichever module it is from. */
export function createApiDocument(app: INestApplication): OpenAPIObject {
  return createRefreshApiDocument(app, {
    includesHost: true,
    tags: [
      { name: 'Listings', description: 'Tokens for sale.' },
      { name: 'Operations', description: 'For orchestrators and Prometheus.' },
    ],
  });
}

/** The document of the API at `/openapi.json`, and a page to read and to try it at `/docs`. */
export function serveApiReference(app: INestApplication): void {
  SwaggerModule.setup('docs', app, () => createApiDocument(app), {
    jsonDocumentUrl: 'openapi.json',
    yamlDocumentUrl: 'openapi.yaml',
    customSiteTitle: 'NFT metadata refresh',
    swaggerOptions: { persistAuthorization: true, displayRequestDuration: true },
  });
}
