/** SQLSTATE of a schema, table, column or function that does not exist. */
const CODES = new Set(['3F000', '42P01', '42703', '42883']);
/** Messages with these codes do not name the schema. Those of the other codes do, so that other schemas can be excluded. */
const WITHOUT_SCHEMA = new Set(['42703', '42883']);

/** Whether a statement failed because migrations have not run: tables of `nft_metadata` are missing or outdated. */
export function isMigrationMissing(error: unknown): boolean {
  for (let cause = error, depth = 0; cause instanceof Error && depth < 5; cause = cause.cause, depth += 1) {
    const code = 'code' in cause ? String(cause.code) : '';
    if (CODES.has(code)) return WITHOUT_SCHEMA.has(code) || cause.message.includes('nft_metadata');
  }
  return false;
}

/** The message of a database error, with a hint if migrations have not run. */
export function describeDatabaseError(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  if (!isMigrationMissing(error)) return message;
  return `${message}: migrations of nft_metadata are missing. Nothing is lost; work starts as soon as they have run. ${MIGRATION_HINT}`;
}

/** What an operator or a host application has to do when migrations have not run. */
export const MIGRATION_HINT =
  'Put nftMetadataMigrations into migrations.migrationsList of the MikroORM connection, and call migrator.up() before the application listens.';
