// What the console's pages get from its endpoints. The pages import only types, so that zod is not in their bundle.
export * from './chain-watcher.schema.js';
export * from './collection.schema.js';
export * from './error.schema.js';
export * from './failures.schema.js';
export * from './host.schema.js';
export * from './overview.schema.js';
export * from './project.schema.js';
export * from './refresh-token.schema.js';
export * from './refresh.schema.js';
export * from './reveal.schema.js';
export * from './search.schema.js';
export * from './session.schema.js';
export * from './token.schema.js';
export * from './validation.schema.js';
export * from './values.schema.js';
export * from './webhook.schema.js';
export * from './worker.schema.js';
