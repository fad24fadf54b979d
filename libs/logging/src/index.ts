export { ModuleLogger, useHostLogger } from './module-logger.js';
export { inRequest, outsideRequests, parseRequestId, REQUEST_ID_HEADER, requestId } from './request-id.js';
