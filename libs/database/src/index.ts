export { describeDatabaseError, MIGRATION_HINT, isMigrationMissing } from './missing-migrations.js';
export { entityManagerOf, type HostConnection } from './host-connection.js';
export { inTransaction } from './transaction.js';
