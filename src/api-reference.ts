import { createRefreshApiDocument } from '@app/refresh-api';
import type { INestApplication } from '@nestjs/common';
import { SwaggerModule } from '@nestjs/swagger';

interface Redirecting {
  redirect(status: number, url: string): void;
}

/** The document of the API at `/openapi.json`, and a page to read and to try it at `/docs`, to which `/` leads. */
export function serveApiReference(app: INestApplication): void {
  // Relative, for a proxy that serves all of it below a path of its own.
  app.getHttpAdapter().get('/', (_: unknown, response: Redirecting) => response.redirect(302, 'docs'));
  SwaggerModule.setup('docs', app, () => createRefreshApiDocument(app), {
    jsonDocumentUrl: 'openapi.json',
    yamlDocumentUrl: 'openapi.yaml',
    customSiteTitle: 'NFT metadata refresh',
    swaggerOptions: { persistAuthorization: true, displayRequestDuration: true },
  });
}
