export { NftRefreshConsoleModule } from './console.module.js';
export { consoleOptions } from './console.options.js';
export type { ConsoleExtras, ConsoleOptions } from './console.options.js';
export { ConsoleIdentity } from './console-identity.js';
export type { IdentifiedPerson } from './console-identity.js';
