import type { Refresh } from '../../src/wire/index.js';

/** Who or what asked for a refresh, as the end of a sentence. */
export const TRIGGER_SENTENCES: Record<Refresh['trigger'], string> = {
  api: 'requested through the API',
  partner_api: 'requested through the partner API',
  cli: 'requested by an operator, on the command line',
  console: 'requested by an operator, on the console',
  retry: 'retries failed tokens',
  reveal: 'requested by a reveal',
  schedule: 'requested because of its age',
  event: 'requested by an event on chain',
  push: 'pushed by its owner',
  restore: 'restored from a version',
};

/** The same in a column. */
export const TRIGGER_WORDS: Record<Refresh['trigger'], string> = {
  api: 'API',
  partner_api: 'Partner API',
  cli: 'Operator (CLI)',
  console: 'Operator',
  retry: 'Retry',
  reveal: 'Reveal',
  schedule: 'Schedule',
  event: 'Chain event',
  push: 'Push',
  restore: 'Restore',
};
