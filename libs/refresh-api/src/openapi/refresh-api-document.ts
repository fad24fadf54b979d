import type { INestApplication } from '@nestjs/common';
import { DocumentBuilder, SwaggerModule, type OpenAPIObject } from '@nestjs/swagger';
import { RefreshApiModule } from '../refresh-api.module.js';
import { REFRESH_API_CONFIG, type RefreshApiConfig } from '../refresh-api.options.js';
import { RequestObserver } from '../request-observer.js';
import { requestIdHeader } from './documented-response.js';
import { jsonSchemaOf } from './json-schema-of.js';
import { API_KEY, IMMUTABLE_API_KEY, nameCredentials, SIGNATURE } from './security.js';

/** Options of `createRefreshApiDocument`. */
export interface RefreshApiDocumentOptions {
  title?: string;
  version?: string;
  /** The URL of the API. Default: the URL of the document. */
  servers?: readonly string[];
  /** Whether to include the other controllers of the application. Default: false. */
  includesHost?: boolean;
  /** Tags in addition to ours, in order. */
  tags?: readonly { name: string; description: string }[];
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
  const builder = new DocumentBuilder()
    .setOpenAPIVersion('3.1.0')
    .setTitle(title)
    .setVersion(version)
    .setDescription(
      'Request that NFT metadata is fetched again, and read what happened to every token and why. The project API has the wire format of Immutable X, the partner API that of Mavis Market, the zkEVM API that of Immutable zkEVM.',
    )
    .addTag(
      'Project API',
      'Refreshes in the wire format of Immutable X, with a signature of the owner’s wallet or an API key.',
    )
    .addTag('Reveals', 'Documents that are fetched ahead, looked at, and shown all at once.')
    .addTag('Partner API', 'Refreshes in the wire format of Mavis Market, with an API key.')
    .addTag('zkEVM API', 'Metadata that is pushed, and reads, in the wire format of Immutable zkEVM.')
    .addTag('Tokens', 'Token records and traits, as listing pages show them, and the attempts to fetch a token.')
    .addTag('Collections', 'A project’s own collections and their tokens.')
    .addTag('Webhooks', 'Where a project receives changes and completed refreshes.')
    .setLicense('MIT', 'https://opensource.org/license/mit')
    .addApiKey({ type: 'apiKey', in: 'header', name: 'x-api-key', description: 'An API key of the project.' }, API_KEY)
    .addApiKey(
      { type: 'apiKey', in: 'header', name: 'x-immutable-api-key', description: 'An API key of the project.' },
      IMMUTABLE_API_KEY,
    )
    .addApiKey(
      { type: 'apiKey', in: 'header', name: 'x-imx-eth-address', description: "The address of the project's owner." },
      SIGNATURE.address,
    )
    .addApiKey(
      {
        type: 'apiKey',
        in: 'header',
        name: 'x-imx-eth-timestamp',
        description:
          'UNIX time in whole seconds, by default at most 300 seconds before or after the time of the service.',
      },
      SIGNATURE.timestamp,
    )
    .addApiKey(
      {
        type: 'apiKey',
        in: 'header',
        name: 'x-imx-eth-signature',
        description: 'EIP-191 signature of the decimal text of the timestamp.',
      },
      SIGNATURE.signature,
    );
  for (const server of servers) builder.addServer(server);
  for (const { name, description } of tags) builder.addTag(name, description);
  const document = SwaggerModule.createDocument(app, builder.build(), {
    include: includesHost ? [] : [RefreshApiModule],
    standardSchemaConverter: jsonSchemaOf,
    operationIdFactory: (_, method) => method,
    autoTagControllers: false,
  });
  giveEachOperationItsId(document);
  addNegotiatedTypes(document);
  addRequestIds(document, app.get(RequestObserver, { strict: false }));
  const config = app.get<RefreshApiConfig>(REFRESH_API_CONFIG, { strict: false });
  nameCredentials(document, {
    projectApi: config.projectApiAuthentication,
    partnerApi: config.partnerApiAuthentication,
  });
  return document;
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
function addRequestIds({ paths }: OpenAPIObject, { isOurs }: RequestObserver): void {
  for (const [path, operations] of Object.entries(paths)) {
    if (!isOurs(path)) continue;
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
