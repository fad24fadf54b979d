import { z } from 'zod';
import { schemaBehind } from '../validated-by.js';

/** The schema that validates (or that the presenter has to satisfy), as OpenAPI 3.1 has it: JSON Schema 2020-12. */
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
      // Zod leaves out the examples and defaults of what is transformed. An id names the component, and is not part of it.
      Object.assign(jsonSchema, z.globalRegistry.get(zodSchema));
      delete jsonSchema.id;
      // What we send may grow; a client must not refuse a field that it does not know.
      if (schemaType === 'output') delete jsonSchema.additionalProperties;
    },
  });
  return { schema: json, components: $defs as Record<string, object> };
}
