import { openSession, sealSession, type SessionContent } from './session-token.js';

const KEYS = { operator: Buffer.alloc(32, 1), partner: Buffer.alloc(32, 2) };
const NOW = new Date('2026-11-29T12:00:00Z');
const later = NOW.getTime() + 1000;
const OPERATOR: SessionContent = { kind: 'operator', name: 'Mira', expiresAt: later };
const PARTNER: SessionContent = { kind: 'api_key', keyId: '6c5d2a3e-9b1c-4f6e-8a37-1d0f0a5b7c21', expiresAt: later };

it.each([
  OPERATOR,
  PARTNER,
  { kind: 'wallet', projectId: 'p 1', ownerAddress: `0x${'a'.repeat(40)}`, expiresAt: later } as const,
])('a session of the kind $kind is read as it was made', (content) => {
  expect(openSession(sealSession(content, KEYS), KEYS, NOW)).toEqual(content);
});

it('a session ends at its time', () => {
  expect(openSession(sealSession(OPERATOR, KEYS), KEYS, new Date(later))).toBeNull();
});

it('a session that was changed is none', () => {
  const [, mac] = sealSession(PARTNER, KEYS).split('.');
  const changed = Buffer.from(JSON.stringify({ ...PARTNER, keyId: 'other' })).toString('base64url');

  expect(openSession(`${changed}.${mac}`, KEYS, NOW)).toBeNull();
});

it('the key of partner sessions does not make a session of an operator', () => {
  const forged = sealSession(OPERATOR, { operator: KEYS.partner, partner: KEYS.partner });

  expect(openSession(forged, KEYS, NOW)).toBeNull();
});

it.each(['', '.', 'x', 'e30.', `${Buffer.from('null').toString('base64url')}.x`, 'a'.repeat(10_000)])(
  'the text "%.20s" is no session',
  (text) => {
    expect(openSession(text, KEYS, NOW)).toBeNull();
  },
);
