/** A number that JavaScript would round, with the digits as served. */
export class ExactNumber {
  constructor(readonly text: string) {}
}

export type JsonValue = string | number | boolean | null | ExactNumber | JsonValue[] | JsonObject;

export interface JsonObject {
  [key: string]: JsonValue;
}

export function isJsonObject(value: JsonValue | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof ExactNumber);
}
