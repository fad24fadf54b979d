import { drainViolations } from './openapi-validation.js';

/** In every test, all API responses must match the OpenAPI document. */
afterEach(() => {
  const violations = drainViolations();
  if (violations.length > 0) throw new Error(`Responses do not match the OpenAPI document:\n${violations.join('\n')}`);
});
