import { drainViolations } from './openapi-validation.js';

/** Whatever a test is about: no response of the API may differ from what its OpenAPI document promises. */
afterEach(() => {
  const deviations = drainViolations();
  if (deviations.length > 0) throw new Error(`Not as in the OpenAPI document:\n${deviations.join('\n')}`);
});
