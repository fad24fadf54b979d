import { metadataRefreshOptions } from '../metadata-refresh.options.js';
import { cooldownSeconds, retryDelaySeconds } from './retry-policy.js';

const config = metadataRefreshOptions.complete({});
const trace = { url: 'https://api.example/1', durationMs: 1, bytes: 0, otherRequests: [] };
const response = (status: number, retryAfterSeconds?: number) => ({
  kind: 'bad_status' as const,
  status,
  body: '',
  ...trace,
  ...(retryAfterSeconds !== undefined && { retryAfterSeconds }),
});

describe('retries', () => {
  it.each([429, 503])('a token is retried after %i, twice and not a third time [D24, D26]', (status) => {
    expect(retryDelaySeconds(response(status), 1, config, 0)).toBe(1);
    expect(retryDelaySeconds(response(status), 2, config, 0)).toBe(2);
    expect(retryDelaySeconds(response(status), 3, config, 0)).toBeNull();
  });

  it('a token is retried after the 202 of a gateway, twice, and not after any other 202 (H8)', () => {
    const pending = { ...response(202), isPending: true };

    expect(retryDelaySeconds(pending, 1, config, 0)).toBe(1);
    expect(retryDelaySeconds({ ...pending, retryAfterSeconds: 20 }, 2, config, 0)).toBe(20);
    expect(retryDelaySeconds(pending, 3, config, 0)).toBeNull();
    expect(retryDelaySeconds(response(202, 20), 1, config, 0)).toBeNull();
    expect(cooldownSeconds({ ...pending, retryAfterSeconds: 20 }, 1, config)).toBeNull();
  });

  it.each([201, 301, 400, 401, 403, 404, 410, 500, 502, 504])(
    'a token is never retried after %i [D4, D6, D7, D8]',
    (status) => {
      expect(retryDelaySeconds(response(status), 1, config)).toBeNull();
    },
  );

  it.each([
    'timeout',
    'dns',
    'connection_refused',
    'connection_reset',
    'incomplete_body',
    'tls',
    'invalid_uri',
    'no_uri',
    'no_contract',
  ] as const)('a token is never retried without a complete response: %s [C25, D18, D19, D20, D29]', (reason) => {
    expect(retryDelaySeconds({ kind: 'unreachable', reason, ...trace }, 1, config)).toBeNull();
  });

  it.each(['not_json', 'invalid_json', 'empty_metadata', 'invalid_data_uri'] as const)(
    'a token is never retried when the response is not metadata: %s [C6, D29]',
    (reason) => {
      expect(retryDelaySeconds({ kind: 'undecodable', reason, body: '', ...trace }, 1, config)).toBeNull();
    },
  );

  it('a token is retried while the service cannot read its document, up to ten attempts in all, without a cooldown of its host', () => {
    const failure = { kind: 'undecodable' as const, reason: 'internal_error' as const, body: '', ...trace };

    expect(retryDelaySeconds(failure, 1, config, 0)).toBe(1);
    expect(retryDelaySeconds(failure, 9, config, 0)).toBe(60);
    expect(retryDelaySeconds(failure, 10, config, 0)).toBeNull();
    expect(cooldownSeconds(failure, 1, config)).toBeNull();
  });

  it('a token is retried while its RPC node fails, up to ten attempts in all [A9]', () => {
    const failure = { kind: 'unreachable' as const, reason: 'rpc_error' as const, ...trace };

    expect(retryDelaySeconds(failure, 1, config, 0)).toBe(1);
    expect(retryDelaySeconds(failure, 9, config, 0)).toBe(60);
    expect(retryDelaySeconds(failure, 10, config, 0)).toBeNull();
    expect(retryDelaySeconds({ ...failure, retryAfterSeconds: 20 }, 1, config, 0)).toBe(20);
  });

  it('a token is retried while workers are busy, up to ten attempts in all, without a cooldown of its host', () => {
    const busy = { kind: 'unreachable' as const, reason: 'busy' as const, ...trace };

    expect(retryDelaySeconds(busy, 1, config, 0)).toBe(1);
    expect(retryDelaySeconds(busy, 9, config, 0)).toBe(60);
    expect(retryDelaySeconds(busy, 10, config, 0)).toBeNull();
    expect(cooldownSeconds(busy, 1, config)).toBeNull();
  });

  it.each(['unreachable', 'no_token'] as const)(
    'a token is retried once after a refusal of its contract: %s [A6]',
    (kind) => {
      const refused = { kind, reason: 'contract_reverted' as const, ...trace };

      expect(retryDelaySeconds(refused, 1, config, 0)).toBe(1);
      expect(retryDelaySeconds(refused, 2, config, 0)).toBeNull();
      expect(retryDelaySeconds(refused, 1, { ...config, maxAttempts: 1 }, 0)).toBeNull();
    },
  );

  it('a token is retried after delays that grow up to the maximum, whatever the jitter [D23]', () => {
    const patient = { ...config, maxAttempts: 11 };
    const pauses = (random: number) =>
      Array.from({ length: 10 }, (_, index) => retryDelaySeconds(response(503), index + 1, patient, random)!);

    expect(pauses(0)).toEqual([1, 2, 4, 8, 16, 32, 60, 60, 60, 60]);
    expect(pauses(1)).toEqual([1.25, 2.5, 5, 10, 20, 40, 60, 60, 60, 60]);
    for (let index = 0; index < 6; index += 1) expect(pauses(0)[index + 1]).toBeGreaterThan(pauses(1)[index]!);
  });

  it('a token is retried after the Retry-After of the host, up to the maximum [D9, D10, D13]', () => {
    expect(retryDelaySeconds(response(429, 20), 1, config, 0)).toBe(20);
    expect(retryDelaySeconds(response(429, 999_999), 1, config, 0)).toBe(60);
    expect(retryDelaySeconds(response(503, 0), 2, config, 0)).toBe(2);
  });

  it('the delay of a retry has at most a quarter of jitter [D23]', () => {
    expect(retryDelaySeconds(response(429), 1, config, 1)).toBe(1.25);
  });

  it('the delay of a retry does not overflow, however many attempts there were [D25]', () => {
    expect(retryDelaySeconds(response(429), 5000, { ...config, maxAttempts: 9999 })).toBe(60);
  });
});

describe('cooldowns', () => {
  it('the cooldown of a host after 429 lasts as long as the delay of the first retry or the Retry-After, up to the maximum [D10, D13]', () => {
    expect(cooldownSeconds(response(429), 1, config)).toBe(1);
    expect(cooldownSeconds(response(429), 3, config)).toBe(4);
    expect(cooldownSeconds(response(429, 20), 3, config)).toBe(20);
    expect(cooldownSeconds(response(429, 999_999), 1, config)).toBe(60);
  });

  it('the cooldown of a host after 503 lasts as long as its Retry-After; without one there is none [D9]', () => {
    expect(cooldownSeconds(response(503), 1, config)).toBeNull();
    expect(cooldownSeconds(response(503, 20), 1, config)).toBe(20);
  });

  it('the cooldown of a host after a failure of an RPC node is the same as after 429, and there is none after a failure of one call [A10, A12]', () => {
    const failure = { kind: 'unreachable' as const, reason: 'rpc_error' as const, ...trace };

    expect(cooldownSeconds({ ...failure, retryAfterSeconds: 0 }, 1, config)).toBe(1);
    expect(cooldownSeconds({ ...failure, retryAfterSeconds: 20 }, 1, config)).toBe(20);
    expect(cooldownSeconds(failure, 1, config)).toBeNull();
  });

  it('nothing else starts a cooldown of a host', () => {
    expect(cooldownSeconds(response(500, 20), 1, config)).toBeNull();
    expect(cooldownSeconds({ kind: 'unreachable', reason: 'timeout', ...trace }, 1, config)).toBeNull();
  });
});
