import { completeConfig } from './metadata-refresh.options.js';
import { retryDelaySeconds } from './retry-policy.js';

const config = completeConfig({});
const trace = { url: 'https://api.example/1', durationMs: 1, bytes: 0, earlier: [] };
const answered = (status: number, retryAfterSeconds?: number) => ({
  kind: 'bad_status' as const,
  status,
  body: '',
  ...trace,
  ...(retryAfterSeconds !== undefined && { retryAfterSeconds }),
});

describe('when a token is tried again', () => {
  it.each([429, 503])('tries again after %i, twice, each pause longer than the last', (status) => {
    expect(retryDelaySeconds(answered(status), 1, config, 0)).toBe(1);
    expect(retryDelaySeconds(answered(status), 2, config, 0)).toBe(2);
    expect(retryDelaySeconds(answered(status), 3, config, 0)).toBeNull();
  });

  it.each([201, 301, 400, 401, 403, 404, 410, 500, 502, 504])('never tries again after %i', (status) => {
    expect(retryDelaySeconds(answered(status), 1, config)).toBeNull();
  });

  it('never tries again when there was no answer, or one that is no metadata', () => {
    expect(retryDelaySeconds({ kind: 'unreachable', reason: 'timeout', ...trace }, 1, config)).toBeNull();
    expect(retryDelaySeconds({ kind: 'undecodable', reason: 'not_json', body: '', ...trace }, 1, config)).toBeNull();
  });

  it('waits as long as the host asks for, up to the cap', () => {
    expect(retryDelaySeconds(answered(429, 20), 1, config, 0)).toBe(20);
    expect(retryDelaySeconds(answered(429, 999_999), 1, config, 0)).toBe(60);
    expect(retryDelaySeconds(answered(503, 0), 2, config, 0)).toBe(2);
  });

  it('spreads retries by at most a quarter', () => {
    expect(retryDelaySeconds(answered(429), 1, config, 1)).toBe(1.25);
  });

  it('does not overflow however often it is asked', () => {
    expect(retryDelaySeconds(answered(429), 5000, { ...config, maxAttempts: 9999 })).toBe(60);
  });
});
