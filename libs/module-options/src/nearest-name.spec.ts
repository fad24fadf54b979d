import { nearestName } from './nearest-name.js';

const NAMES = ['tokensPerHour', 'tokensPerRequest', 'maxAttempts', 'chain_id', 'ttl'];

describe('the name that was probably meant', () => {
  it.each([
    ['tokenPerHour', 'tokensPerHour'],
    ['tokens_per_hour', 'tokensPerHour'],
    ['TOKENSPERREQUEST', 'tokensPerRequest'],
    ['maxAtempts', 'maxAttempts'],
    ['chainId', 'chain_id'],
    ['tll', 'ttl'],
  ])('of %s is %s', (written, name) => {
    expect(nearestName(written, NAMES)).toBe(name);
  });

  it.each(['colour', 'x', '', 'tokens'])('is none of these for %j', (written) => {
    expect(nearestName(written, NAMES)).toBeUndefined();
  });
});
