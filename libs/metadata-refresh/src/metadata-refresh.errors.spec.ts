import { TokensNotFound } from './metadata-refresh.errors.js';

it.each([
  [['7'], 'Token 7 is not registered.'],
  [['7', '9'], '2 of the tokens are not registered: 7, 9.'],
  [
    Array.from({ length: 12 }, (_, index) => String(index)),
    '12 of the tokens are not registered: 0, 1, 2, 3, 4, 5, 6, 7, 8, 9 and 2 more.',
  ],
])('a request for the unregistered tokens %j is told: %s', (tokenIds, message) => {
  expect(new TokensNotFound(tokenIds).message).toBe(message);
});
