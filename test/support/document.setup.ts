import { takeDeviations } from './api-document.js';

/** Whatever a test is about: no response of the API may differ from what its OpenAPI document promises. */
afterEach(() => {
  expect(takeDeviations()).toEqual([]);
});
