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

/** The message of a database error in one line, without the statement, with a hint if migrations have not run. */
export function describeDatabaseError(error: unknown): string {
  const message = driverMessage(error).replaceAll(/\s+/g, ' ').trim();
  if (!isMigrationMissing(error)) return message;
  return `${message}: migrations of nft_metadata are missing. Nothing is lost; work starts as soon as they have run. ${MIGRATION_HINT}`;
}

function driverMessage(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  // Node.js gives it no text if it tried several addresses.
  if (error instanceof AggregateError && error.message === '') {
    return [...new Set(error.errors.map(driverMessage))].join('; ');
  }
  // MikroORM's message is the statement, followed by the message of the driver.
  const { cause } = error;
  if (cause instanceof Error && error.message.endsWith(cause.message)) return driverMessage(cause);
  return error.message || error.name;
}

/** What an operator or a host application has to do when migrations have not run. */
const MIGRATION_HINT =
  'Put nftMetadataMigrations into migrations.migrationsList of the MikroORM connection, and call migrator.up() before the application listens.';
