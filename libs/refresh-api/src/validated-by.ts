import { StandardSchemaValidationPipe, type ArgumentMetadata, type PipeTransform } from '@nestjs/common';
import type { z } from 'zod';
import { InvalidRequest } from './invalid-request.js';

/** Further issues are counted, because a list of 1,000 invalid ids is one mistake. */
const MAX_LISTED_ISSUES = 5;

const validation = new StandardSchemaValidationPipe({
  exceptionFactory: (issues) => {
    const broken = issues.slice(0, MAX_LISTED_ISSUES).map(({ message, path = [] }) => {
      return { path: path.map((step) => String(typeof step === 'object' ? step.key : step)), rule: message };
    });
    const texts = broken.map(({ path, rule }) => (path.length > 0 ? `${path.join('.')} ${rule}` : rule));
    const more = issues.length > MAX_LISTED_ISSUES ? `; and ${issues.length - MAX_LISTED_ISSUES} more` : '';
    return new InvalidRequest(texts.join('; ') + more, broken);
  },
});

/** For the OpenAPI document. */
type Shown = Pick<z.ZodType, '~standard'>;

const behind = new WeakMap<object, z.ZodType>();

/**
 * Validates a parameter against a schema. Hides the schema from a global validation pipe of the host application, which would
 * otherwise transform the parameter before us; such a pipe gets a schema that accepts everything.
 */
export function validatedBy(schema: z.ZodType): { schema: Shown; pipes: [PipeTransform] } {
  const shown: Shown = { '~standard': { ...schema['~standard'], validate: (value) => ({ value }) } };
  behind.set(shown, schema);
  const pipe = {
    transform: (value: unknown, metadata: ArgumentMetadata) => validation.transform(value, { ...metadata, schema }),
  };
  return { schema: shown, pipes: [pipe] };
}

/** The schema that `validatedBy` hides; returns any other value unchanged. */
export function schemaBehind(schema: unknown): unknown {
  return (typeof schema === 'object' && schema !== null && behind.get(schema)) || schema;
}
