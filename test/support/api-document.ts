import type { INestApplication } from '@nestjs/common';
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import { createRefreshApiDocument } from '@app/refresh-api';
import { createApiDocument } from '../../src/api-reference.js';
import { Readiness } from '../../src/health/readiness.js';

interface Seen {
  method: string;
  path: string;
  status: number;
  headers: Record<string, unknown>;
  body: unknown;
}

interface DocumentedResponse {
  headers?: Record<string, unknown>;
  content?: Record<string, { schema: object }>;
}
type Operations = Partial<Record<string, { responses: Record<string, DocumentedResponse> }>>;

const checkers = new WeakMap<INestApplication, ResponseChecker>();
const deviations: string[] = [];

/** Compares a response with the application's own OpenAPI document. */
export function compareWithDocument(app: INestApplication, seen: Seen): void {
  if (!checkers.has(app)) checkers.set(app, new ResponseChecker(app));
  deviations.push(...checkers.get(app)!.deviationsOf(seen));
}

/** What was found since the last call. */
export function takeDeviations(): string[] {
  return deviations.splice(0);
}

/** Knows which answers the document promises. Stricter than the document in one thing: no field that is not in it. */
class ResponseChecker {
  private readonly paths: { pattern: RegExp; operations: Operations }[];
  private readonly ajv = new Ajv2020({ strict: false, allErrors: true });
  private readonly validators = new Map<object, ValidateFunction>();

  constructor(app: INestApplication) {
    const document = isOurs(app) ? createApiDocument(app) : createRefreshApiDocument(app);
    addFormats.default(this.ajv);
    this.ajv.addSchema({ $id: 'document', ...(closed(document) as object) });
    this.paths = Object.entries(document.paths).map(([path, operations]) => ({
      pattern: new RegExp(`^${path.replaceAll(/\{[^}]+\}/g, '[^/]+')}/?$`),
      operations: operations as Operations,
    }));
  }

  deviationsOf({ method, path, status, headers, body }: Seen): string[] {
    const place = `${method} ${path} → ${status}`;
    const operation = this.paths.find(({ pattern }) => pattern.test(path))?.operations[method.toLowerCase()];
    if (!operation) return [];
    const documented = operation.responses[status];
    if (!documented) return [`${place}: the status is not documented`];
    const missing = Object.keys(documented.headers ?? {}).filter((name) => headers[name] === undefined);
    const schema = documented.content?.['application/json']?.schema;
    const errors = schema ? this.errorsOf(schema, body) : [];
    return [...missing.map((name) => `header ${name} is missing`), ...errors].map((text) => `${place}: ${text}`);
  }

  private errorsOf(schema: object, body: unknown): string[] {
    let validate = this.validators.get(schema);
    if (!validate) {
      validate = this.ajv.compile(withAbsoluteRefs(schema));
      this.validators.set(schema, validate);
    }
    validate(body);
    return (validate.errors ?? []).map(
      ({ instancePath, message, params }) => `${instancePath || 'body'} ${message} ${JSON.stringify(params)}`,
    );
  }
}

/** Of another host's own routes nothing is promised. */
function isOurs(app: INestApplication): boolean {
  try {
    return app.get(Readiness, { strict: false }) instanceof Readiness;
  } catch {
    return false;
  }
}

function withAbsoluteRefs(schema: object): object {
  return JSON.parse(JSON.stringify(schema).replaceAll('"#/components', '"document#/components')) as object;
}

function closed(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(closed);
  if (typeof value !== 'object' || value === null) return value;
  const copy = Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, closed(inner)]));
  return 'properties' in copy && copy['type'] === 'object' ? { ...copy, additionalProperties: false } : copy;
}
