import type { INestApplication } from '@nestjs/common';
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import { createRefreshApiDocument } from '@app/refresh-api';
import { createApiDocument } from '../../src/api-reference.js';
import { Readiness } from '../../src/health/readiness.js';

interface ActualResponse {
  method: string;
  path: string;
  status: number;
  headers: Record<string, unknown>;
  body: unknown;
}

interface DocumentedResponse {
  headers?: Record<string, { required?: boolean }>;
  content?: Record<string, { schema: object }>;
}
type Operations = Partial<Record<string, { responses: Record<string, DocumentedResponse> }>>;

const validators = new WeakMap<INestApplication, ResponseValidator>();
const violations: string[] = [];

/** Validates a response against the OpenAPI document of the application. */
export function validateResponse(app: INestApplication, response: ActualResponse): void {
  if (!validators.has(app)) validators.set(app, new ResponseValidator(app));
  violations.push(...validators.get(app)!.validate(response));
}

/** Returns and clears the violations that were found so far. */
export function drainViolations(): string[] {
  return violations.splice(0);
}

/** Validates responses against the OpenAPI document. Stricter than the document: it allows no additional properties. */
class ResponseValidator {
  private readonly paths: { pattern: RegExp; operations: Operations }[];
  private readonly ajv = new Ajv2020({ strict: false, allErrors: true });
  private readonly validators = new Map<object, ValidateFunction>();

  constructor(app: INestApplication) {
    const document = isOurs(app) ? createApiDocument(app) : createRefreshApiDocument(app);
    addFormats.default(this.ajv);
    this.ajv.addSchema({ $id: 'document', ...(withoutAdditionalProperties(document) as object) });
    this.paths = Object.entries(document.paths).map(([path, operations]) => ({
      pattern: new RegExp(`^${path.replaceAll(/\{[^}]+\}/g, '[^/]+')}/?$`),
      operations: operations as Operations,
    }));
  }

  validate({ method, path, status, headers, body }: ActualResponse): string[] {
    const operationLabel = `${method} ${path} → ${status}`;
    const operation = this.paths.find(({ pattern }) => pattern.test(path))?.operations[method.toLowerCase()];
    if (!operation) return [];
    const documented = operation.responses[status];
    if (!documented) return [`${operationLabel}: the status is not documented`];
    const missing = Object.entries(documented.headers ?? {}).flatMap(([name, { required = true }]) =>
      required && headers[name] === undefined ? [name] : [],
    );
    const contentType = headers['content-type'];
    const errors = this.contentErrors(documented, typeof contentType === 'string' ? contentType : '', body);
    return [...missing.map((name) => `header ${name} is missing`), ...errors].map(
      (text) => `${operationLabel}: ${text}`,
    );
  }

  private contentErrors({ content }: DocumentedResponse, contentType: string, body: unknown): string[] {
    const [type] = contentType.split(';');
    // Only JSON has a schema; of other types, the type itself is documented.
    const isOther = type !== undefined && type !== '' && type !== 'application/json';
    if (content && isOther) return type in content ? [] : [`the type ${type} is not documented`];
    const schema = content?.['application/json']?.schema;
    return schema ? this.errorsOf(schema, body) : [];
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

/** Whether this is the application of this repository, not an embedding host, whose own routes have no document. */
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

function withoutAdditionalProperties(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutAdditionalProperties);
  if (typeof value !== 'object' || value === null) return value;
  const copy = Object.fromEntries(
    Object.entries(value).map(([key, inner]) => [key, withoutAdditionalProperties(inner)]),
  );
  return 'properties' in copy && copy['type'] === 'object' ? { ...copy, additionalProperties: false } : copy;
}
