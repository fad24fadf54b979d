import { createRefreshApiDocument } from '@app/refresh-api';
import type { INestApplication } from '@nestjs/common';
import { SwaggerModule } from '@nestjs/swagger';

/** The document of the API at `/openapi.json`, and a page to read and to try it at `/docs`. */
export function serveApiReference(app: INestApplication): void {
  SwaggerModule.setup('docs', app, () => createRefreshApiDocument(app), {
    jsonDocumentUrl: 'openapi.json',
    yamlDocumentUrl: 'openapi.yaml',
    customSiteTitle: 'NFT metadata refresh',
    swaggerOptions: { persistAuthorization: true, displayRequestDuration: true },
  });
}
