import { StandardSchemaValidationPipe, type ArgumentMetadata, type PipeTransform } from '@nestjs/common';
import type { z } from 'zod';
import { InvalidRequest } from './invalid-request.js';

/** Issues beyond these are counted, not listed: a list of 1,000 wrong ids is one mistake. */
const LISTED = 5;

const validation = new StandardSchemaValidationPipe({
  exceptionFactory: (issues) => {
    const texts = issues.slice(0, LISTED).map(({ message, path = [] }) => {
      const place = path.map((step) => String(typeof step === 'object' ? step.key : step)).join('.');
      return place ? `${place} ${message}` : message;
    });
    const more = issues.length > LISTED ? `; and ${issues.length - LISTED} more` : '';
    return new InvalidRequest(texts.join('; ') + more);
  },
});

/** For the document of the API. */
type Shown = Pick<z.ZodType, '~standard'>;

const behind = new WeakMap<object, z.ZodType>();

/**
 * A parameter that is checked against a schema, by us alone: a host's validation pipe for everything would take the
 * schema for its own, and hand us what it has turned into our words already. It sees one that takes whatever comes.
 */
export function checkedBy(schema: z.ZodType): { schema: Shown; pipes: [PipeTransform] } {
  const shown: Shown = { '~standard': { ...schema['~standard'], validate: (value) => ({ value }) } };
  behind.set(shown, schema);
  const pipe = {
    transform: (value: unknown, metadata: ArgumentMetadata) => validation.transform(value, { ...metadata, schema }),
  };
  return { schema: shown, pipes: [pipe] };
}

/** The schema that a parameter is really checked against; anything else is itself. */
export function schemaBehind(schema: unknown): unknown {
  return (typeof schema === 'object' && schema !== null && behind.get(schema)) || schema;
}
