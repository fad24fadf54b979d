interface ExactJson {
  parse: (text: string, reviver: (key: string, value: unknown, context: { source: string }) => unknown) => unknown;
  rawJSON: (text: string) => unknown;
}

// TypeScript does not know them yet.
const { parse, rawJSON } = JSON as unknown as ExactJson;

/** For JSON.stringify: it writes each number of this JSON text as it is here, to the last digit. */
export function exactJson(text: string): unknown {
  return parse(text, (_, value, { source }) => (typeof value === 'number' ? rawJSON(source) : value));
}
