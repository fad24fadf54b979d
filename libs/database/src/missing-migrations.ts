/** SQLSTATE of a schema, table, column or function that is not there. */
const CODES = new Set(['3F000', '42P01', '42703', '42883']);
/** What the other codes name without their schema may be ours; a table or schema of somebody else's is not. */
const OF_ANY_SCHEMA = new Set(['42703', '42883']);

/** Whether a statement of ours failed because migrations have not run: the database has no tables of ours, or older ones. */
export function isMigrationMissing(error: unknown): boolean {
  for (let cause = error, depth = 0; cause instanceof Error && depth < 5; cause = cause.cause, depth += 1) {
    const code = 'code' in cause ? String(cause.code) : '';
    if (CODES.has(code)) return OF_ANY_SCHEMA.has(code) || cause.message.includes('nft_metadata');
  }
  return false;
}

/** What the database says, in words for an operator whose migrations have not run yet. */
export function describeDatabaseError(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  if (!isMigrationMissing(error)) return message;
  return `${message}: migrations of nft_metadata are missing. Nothing is lost; work begins by itself once they have run. ${MIGRATION_HINT}`;
}

export const MIGRATION_HINT =
  'Put nftMetadataMigrations into migrations.migrationsList of the MikroORM connection, and call migrator.up() before the application listens.';
