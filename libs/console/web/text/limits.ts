import type { Limits } from '../../src/wire/index.js';

type LimitName = keyof Limits['limits'];

/** In the order in which pages show them. */
export const LIMIT_LABELS: Readonly<Record<LimitName, string>> = {
  requestsPerSecond: 'Requests a second',
  tokensPerRequest: 'Tokens in one list',
  tokensPerSelection: 'Tokens in one selection',
  tokensPerHour: 'Tokens an hour',
};
export const LIMIT_NAMES = Object.keys(LIMIT_LABELS) as LimitName[];
