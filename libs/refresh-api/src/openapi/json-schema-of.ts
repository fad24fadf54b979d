import { z } from 'zod';
import { schemaBehind } from '../validated-by.js';

/** The schema of a request or a response in the form of OpenAPI 3.1, JSON Schema 2020-12. */
export function jsonSchemaOf(
  parameter: unknown,
  { schemaType }: { schemaType: 'input' | 'output' },
): { schema: object; components: Record<string, object> } | undefined {
  const schema = schemaBehind(parameter);
  if (!(schema instanceof z.ZodType)) return undefined;
  const {
    $schema: _,
    $defs = {},
    ...json
  } = z.toJSONSchema(schema, {
    io: schemaType,
    unrepresentable: 'any',
    override({ zodSchema, jsonSchema }) {
      // Zod omits the examples and defaults of transformed schemas. An id names the component, and is not part of it.
      Object.assign(jsonSchema, z.globalRegistry.get(zodSchema));
      delete jsonSchema.id;
      // Responses may get more fields, so a client must accept fields that it does not know.
      if (schemaType === 'output') delete jsonSchema.additionalProperties;
    },
  });
  return { schema: json, components: $defs as Record<string, object> };
}
