export { RefreshApiModule } from './refresh-api.module.js';
export { refreshApiOptions } from './refresh-api.options.js';
export type { RefreshApiExtras, RefreshApiOptions } from './refresh-api.options.js';
export { createRefreshApiDocument } from './openapi/refresh-api-document.js';
export type { RefreshApiDocumentOptions } from './openapi/refresh-api-document.js';
export { DialectFilter, textOf } from './dialect.filter.js';
export type { ErrorResponse } from './error-response.js';
export { asRefreshingProject } from './refreshing-project.js';
