import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';
import ours from '../../../vitest.config.js';

/** A test run that never ends, for the test that interrupts it. */
export default defineConfig({
  root: fileURLToPath(new URL('../../../', import.meta.url)),
  resolve: ours.resolve!,
  test: {
    globals: true,
    include: ['test/support/interrupted/waiting.ts'],
    globalSetup: ['test/support/postgres.setup.ts'],
  },
});
