import { nearestName } from './nearest-name.js';

const NAMES = ['tokensPerHour', 'tokensPerRequest', 'maxAttempts', 'chain_id', 'ttl'];

describe('nearest names', () => {
  it.each([
    ['tokenPerHour', 'tokensPerHour'],
    ['tokens_per_hour', 'tokensPerHour'],
    ['TOKENSPERREQUEST', 'tokensPerRequest'],
    ['maxAtempts', 'maxAttempts'],
    ['chainId', 'chain_id'],
    ['tll', 'ttl'],
  ])('the nearest name to %s is %s', (text, name) => {
    expect(nearestName(text, NAMES)).toBe(name);
  });

  it.each(['colour', 'x', '', 'tokens'])('%j has no nearest name', (text) => {
    expect(nearestName(text, NAMES)).toBeUndefined();
  });
});
