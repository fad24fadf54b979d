/** SQLSTATE of a schema, table, column or function that is not there. */
const CODES = new Set(['3F000', '42P01', '42703', '42883']);

/** What the database says, in words for an operator whose migrations have not run yet. */
export function explainSchemaBehind(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  const isBehind = error instanceof Error && 'code' in error && CODES.has(String(error.code));
  if (!isBehind) return message;
  return `${message}: migrations of nft_metadata are missing. Nothing is lost; work begins by itself once they have run`;
}
