import type { INestApplication } from '@nestjs/common';
import { DocumentBuilder, SwaggerModule, type OpenAPIObject } from '@nestjs/swagger';
import { DialectRoutes, MOUNTED_DIALECTS, type MountedDialect } from '../dialect-routes.js';
import { REFRESH_API_CONFIG, type Dialect, type DocumentedTag } from '../dialect.js';
import { RefreshApiModule } from '../refresh-api.module.js';
import { requestIdHeader } from './documented-response.js';
import { jsonSchemaOf } from './json-schema-of.js';
import { API_KEY_SCHEMES, nameCredentials, SIGNATURE_SCHEMES } from './security.js';

/** Options of `createRefreshApiDocument`. */
export interface RefreshApiDocumentOptions {
  title?: string;
  version?: string;
  /** The URL of the API. Default: the URL of the document. */
  servers?: readonly string[];
  /** Whether to include the other controllers of the application. Default: false. */
  includesHost?: boolean;
  /** Tags in addition to ours, in order. */
  tags?: readonly DocumentedTag[];
}

/**
 * The OpenAPI 3.1 document of the dialects that this application has, made from the schemas that validate. For a host to
 * serve, to merge into its own, or to write to a file.
 */
export function createRefreshApiDocument(
  app: INestApplication,
  {
    title = 'NFT metadata refresh',
    version = '1',
    servers = ['/'],
    includesHost = false,
    tags = [],
  }: RefreshApiDocumentOptions = {},
): OpenAPIObject {
  const mounted = app.get<readonly MountedDialect[]>(MOUNTED_DIALECTS, { strict: false });
  const dialects = mounted.map(({ dialect }) => dialect);
  const builder = new DocumentBuilder()
    .setOpenAPIVersion('3.1.0')
    .setTitle(title)
    .setVersion(version)
    .setDescription(
      `Request that NFT metadata is fetched again, and read what happened to every token and why. ${wireFormatsOf(dialects)}`,
    )
    .setLicense('MIT', 'https://opensource.org/license/mit');
  for (const tag of [...dialects.flatMap((dialect) => dialect.tags ?? []), ...tags]) {
    builder.addTag(tag.name, tag.description);
  }
  const schemes = [API_KEY_SCHEMES, ...dialects.map(({ securitySchemes = {} }) => securitySchemes), SIGNATURE_SCHEMES];
  for (const [name, scheme] of schemes.flatMap((some) => Object.entries(some))) builder.addSecurity(name, scheme);
  for (const server of servers) builder.addServer(server);
  const document = SwaggerModule.createDocument(app, builder.build(), {
    include: includesHost ? [] : [RefreshApiModule],
    standardSchemaConverter: jsonSchemaOf,
    operationIdFactory: (_, method) => method,
    autoTagControllers: false,
  });
  giveEachOperationItsId(document);
  addNegotiatedTypes(document);
  addRequestIds(document, app.get(DialectRoutes, { strict: false }));
  nameCredentials(document, app.get<object>(REFRESH_API_CONFIG, { strict: false }));
  return document;
}

function wireFormatsOf(dialects: readonly Dialect[]): string {
  const formats = dialects.map(({ title, wireFormat }, index) =>
    index === 0 ? `The ${title} has the wire format of ${wireFormat}` : `the ${title} that of ${wireFormat}`,
  );
  return `${formats.join(', ')}.`;
}

/** A route whose responses have several types, by `Accept`, has paths with an extension for the others: it gets their types. */
function addNegotiatedTypes({ paths }: OpenAPIObject): void {
  for (const [path, { get }] of Object.entries(paths)) {
    const extension = /^(.*)\.[a-z]+$/.exec(path);
    const content = contentOf(get);
    const negotiated = extension && contentOf(paths[extension[1]!]?.get);
    if (content && negotiated) Object.assign(negotiated, content);
  }
}

/** Every response of our routes has it. */
function addRequestIds({ paths }: OpenAPIObject, routes: DialectRoutes): void {
  for (const [path, operations] of Object.entries(paths)) {
    if (!routes.filterAt(path)) continue;
    for (const { responses } of operationsOf(operations)) {
      for (const response of Object.values(responses)) {
        if (response && !('$ref' in response)) response.headers = { ...response.headers, ...requestIdHeader };
      }
    }
  }
}

function operationsOf({ get, post, put, patch, delete: remove }: OpenAPIObject['paths'][string]) {
  return [get, post, put, patch, remove].filter((operation) => operation !== undefined);
}

function contentOf(operation: OpenAPIObject['paths'][string]['get']) {
  const response = operation?.responses['200'];
  return response && 'content' in response ? response.content : undefined;
}

/** A controller below two base paths has each operation twice. */
function giveEachOperationItsId(document: OpenAPIObject): void {
  const taken = new Map<string, number>();
  for (const operations of Object.values(document.paths)) {
    for (const operation of operationsOf(operations)) {
      if (!operation.operationId) continue;
      const count = (taken.get(operation.operationId) ?? 0) + 1;
      taken.set(operation.operationId, count);
      if (count > 1) operation.operationId += String(count);
    }
  }
}
