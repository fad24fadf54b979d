import { nearestName } from './nearest-name.js';

const NAMES = ['tokensPerHour', 'tokensPerRequest', 'maxAttempts', 'chain_id', 'ttl'];

describe('the nearest name', () => {
  it.each([
    ['tokenPerHour', 'tokensPerHour'],
    ['tokens_per_hour', 'tokensPerHour'],
    ['TOKENSPERREQUEST', 'tokensPerRequest'],
    ['maxAtempts', 'maxAttempts'],
    ['chainId', 'chain_id'],
    ['tll', 'ttl'],
  ])('of %s is %s', (text, name) => {
    expect(nearestName(text, NAMES)).toBe(name);
  });

  it.each(['colour', 'x', '', 'tokens'])('does not exist for %j', (text) => {
    expect(nearestName(text, NAMES)).toBeUndefined();
  });
});
