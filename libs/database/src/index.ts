export { explainSchemaBehind, HOW_TO_MIGRATE, isSchemaBehind } from './schema-behind.js';
export { entityManagerOf, type HostConnection } from './host-connection.js';
export { inTransaction } from './transaction.js';
