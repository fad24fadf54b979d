export { bigintArray, booleanArray, integerArray, textArray, uuidArray } from './binary-arrays.js';
export { boundedRead, inReadTransaction, readingFrom, type ReadLimits } from './bounded-read.js';
export { LeaseRenewal } from './lease-renewal.js';
export { describeDatabaseError, isMigrationMissing } from './missing-migrations.js';
export { entityManagerOf, type ModuleConnection } from './module-connection.js';
export { isCancelledStatement, raiseStatementTimeout } from './statement-timeout.js';
export { isStorableTime } from './storable-time.js';
export { timestamp } from './timestamp.js';
export { inSnapshot, inTransaction } from './transaction.js';
