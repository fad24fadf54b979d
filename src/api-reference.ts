import { createRefreshApiDocument } from '@app/refresh-api';
import type { INestApplication } from '@nestjs/common';
import { SwaggerModule, type OpenAPIObject } from '@nestjs/swagger';

/** Describes the routes of the whole application, of all modules. */
export function createApiDocument(app: INestApplication): OpenAPIObject {
  return createRefreshApiDocument(app, {
    includesHost: true,
    tags: [
      { name: 'Listings', description: 'Tokens for sale.' },
      { name: 'Operations', description: 'For orchestrators and Prometheus.' },
    ],
  });
}

interface Redirecting {
  redirect(status: number, url: string): void;
}

/** Serves the OpenAPI document at `/openapi.json` and an interactive page at `/docs`. `/` redirects to the page. */
export function serveApiReference(app: INestApplication): void {
  // A relative URL also works behind a proxy that adds a path.
  app.getHttpAdapter().get('/', (_: unknown, response: Redirecting) => response.redirect(302, 'docs'));
  SwaggerModule.setup('docs', app, () => createApiDocument(app), {
    jsonDocumentUrl: 'openapi.json',
    yamlDocumentUrl: 'openapi.yaml',
    customSiteTitle: 'NFT metadata refresh',
    swaggerOptions: { persistAuthorization: true, displayRequestDuration: true },
  });
}
