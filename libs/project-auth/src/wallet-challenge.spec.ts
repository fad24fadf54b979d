import { Wallet } from 'ethers';
import { formatChallenge, readChallenge, type Challenge } from './wallet-challenge.js';

const KEY = Buffer.alloc(32, 7);
const CHALLENGE: Challenge = {
  domain: 'console.example',
  uri: 'https://console.example',
  address: new Wallet(`0x${'11'.repeat(32)}`).address,
  chainId: 1,
  issuedAt: new Date('2026-11-29T12:00:00.123Z'),
  expiresAt: new Date('2026-11-29T12:05:00.123Z'),
};

it('a challenge is the text that EIP-4361 defines, and names the domain', () => {
  expect(formatChallenge(CHALLENGE, KEY).split('\n')).toEqual([
    'console.example wants you to sign in with your Ethereum account:',
    CHALLENGE.address,
    '',
    'Sign in to the refresh console. This costs nothing, and allows nothing else.',
    '',
    'URI: https://console.example',
    'Version: 1',
    'Chain ID: 1',
    expect.stringMatching(/^Nonce: [0-9a-f]{32}$/),
    'Issued At: 2026-11-29T12:00:00.123Z',
    'Expiration Time: 2026-11-29T12:05:00.123Z',
  ]);
});

it('a challenge is read as it was made', () => {
  expect(readChallenge(formatChallenge(CHALLENGE, KEY), KEY)).toEqual(CHALLENGE);
});

it.each<[string, (text: string) => string]>([
  ['another domain', (text) => text.replace('console.example wants', 'evil.example wants')],
  ['another URI', (text) => text.replace('URI: https://console', 'URI: https://evil')],
  ['another address', (text) => text.replace(/0x[0-9a-fA-F]{40}/, `0x${'2'.repeat(40)}`)],
  ['a later end', (text) => text.replace('12:05:00', '23:05:00')],
  ['another nonce', (text) => text.replace(/Nonce: .{32}/, `Nonce: ${'0'.repeat(32)}`)],
  ['a line more', (text) => `${text}\nResources:\n- https://evil.example`],
  ['a line feed at its end', (text) => `${text}\n`],
  ['another sentence', (text) => text.replace('costs nothing', 'costs a little')],
])('a challenge with %s is not ours', (_, change) => {
  const text = formatChallenge(CHALLENGE, KEY);

  expect(change(text)).not.toBe(text);
  expect(readChallenge(change(text), KEY)).toBeNull();
});

it('a challenge that was made with another key is not ours', () => {
  expect(readChallenge(formatChallenge(CHALLENGE, Buffer.alloc(32, 8)), KEY)).toBeNull();
});
