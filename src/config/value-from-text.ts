import { z } from 'zod';

/** The part of JSON Schema that matters here. */
interface Shape {
  type?: string;
  items?: Shape;
  enum?: readonly string[];
  minimum?: number;
  maximum?: number;
  exclusiveMinimum?: number;
}

/**
 * Reads the text of a variable as the type that its schema takes: a number, true or false, a list with commas, or text.
 * For invalid text, returns an issue that continues a sentence beginning with the variable's name.
 */
export function valueFromText(schema: z.ZodType, text: string): { value: unknown } | { issue: string } {
  const shape = shapeOf(schema);
  const value = shape.type === 'array' ? entriesOf(text).map((entry) => read(shape.items!, entry)) : read(shape, text);
  const { error } = schema.safeParse(value);
  if (!error) return { value };
  const [issue] = error.issues;
  if (shape.type === 'array') {
    if (issue!.path.length === 0)
      return { issue: issue!.code === 'custom' ? issue!.message : 'must be a comma-separated list' };
    return { issue: `must be a comma-separated list, and each entry ${expected(shape.items!, issue!)}` };
  }
  return { issue: expected(shape, issue!) };
}

function shapeOf(schema: z.ZodType): Shape {
  return z.toJSONSchema(schema, { io: 'input' }) as Shape;
}

function entriesOf(text: string): string[] {
  return text
    .split(',')
    .map((entry) => entry.trim())
    .filter(Boolean);
}

/** Text of another type stays text, which the schema then refuses. */
function read({ type }: Shape, text: string): unknown {
  if (type === 'boolean' && /^(true|false)$/.test(text)) return text === 'true';
  if ((type === 'integer' || type === 'number') && /^[0-9]{1,15}(\.[0-9]{1,15})?$/.test(text)) return Number(text);
  return text;
}

function expected(shape: Shape, issue: z.core.$ZodIssue): string {
  if (shape.enum) return `must be one of ${shape.enum.map((one) => `"${one}"`).join(', ')}`;
  if (shape.type === 'boolean') return 'must be "true" or "false"';
  if (shape.type === 'integer' || shape.type === 'number') return `must be ${describeNumber(shape)}`;
  return issue.message;
}

function describeNumber({ type, minimum, maximum, exclusiveMinimum }: Shape): string {
  const kind = type === 'integer' ? 'a whole number' : 'a number';
  const most = maximum === undefined || maximum === Number.MAX_SAFE_INTEGER ? '' : ` to ${maximum}`;
  if (minimum !== undefined) return `${kind} from ${minimum}${most}`;
  return `${kind}${exclusiveMinimum === undefined ? '' : ` above ${exclusiveMinimum}`}${most}`;
}
