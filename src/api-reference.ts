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

interface Redirecting {
  redirect(status: number, url: string): void;
}

/** The document of the API at `/openapi.json`, and a page to read and to try it at `/docs`, to which `/` leads. */
export function serveApiReference(app: INestApplication): void {
  // Relative, for a proxy that serves all of it below a path of its own.
  app.getHttpAdapter().get('/', (_: unknown, response: Redirecting) => response.redirect(302, 'docs'));
  SwaggerModule.setup('docs', app, () => createApiDocument(app), {
    jsonDocumentUrl: 'openapi.json',
    yamlDocumentUrl: 'openapi.yaml',
    customSiteTitle: 'NFT metadata refresh',
    swaggerOptions: { persistAuthorization: true, displayRequestDuration: true },
  });
}
