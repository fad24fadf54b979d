import { generateApiKey, hashApiKey, isWellFormedApiKey } from './api-key.js';

describe('API keys', () => {
  it('API keys are well formed, found by their hash, and never the same twice', () => {
    const { key, prefix, hash } = generateApiKey();

    expect(isWellFormedApiKey(key)).toBe(true);
    expect(key.startsWith(`nft_${prefix}_`)).toBe(true);
    expect(hashApiKey(key)).toEqual(hash);
    expect(new Set(Array.from({ length: 100 }, () => generateApiKey().key)).size).toBe(100);
  });

  it('API keys carry at least 160 random bits behind the prefix', () => {
    const secret = generateApiKey().key.split('_').slice(2).join('_').slice(0, -8);
    expect(Buffer.from(secret, 'base64url').length * 8).toBeGreaterThanOrEqual(160);
  });

  it('API keys are refused for any single character that is wrong', () => {
    const { key } = generateApiKey();
    for (let at = 0; at < key.length; at += 1) {
      const typo = key.slice(0, at) + (key[at] === 'a' ? 'b' : 'a') + key.slice(at + 1);
      expect(isWellFormedApiKey(typo)).toBe(false);
    }
  });

  it.each(['', 'nft_', 'secret', ' '])('a text in another form is not an API key: %j', (text) => {
    expect(isWellFormedApiKey(text)).toBe(false);
  });
});
