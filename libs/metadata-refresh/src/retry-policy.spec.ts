import { metadataRefreshOptions } from './metadata-refresh.options.js';
import { cooldownSeconds, retryDelaySeconds } from './retry-policy.js';

const config = metadataRefreshOptions.complete({});
const trace = { url: 'https://api.example/1', durationMs: 1, bytes: 0, otherRequests: [] };
const answered = (status: number, retryAfterSeconds?: number) => ({
  kind: 'bad_status' as const,
  status,
  body: '',
  ...trace,
  ...(retryAfterSeconds !== undefined && { retryAfterSeconds }),
});

describe('when a token is tried again', () => {
  it.each([429, 503])('tries again after %i, twice and not a third time [D24, D26]', (status) => {
    expect(retryDelaySeconds(answered(status), 1, config, 0)).toBe(1);
    expect(retryDelaySeconds(answered(status), 2, config, 0)).toBe(2);
    expect(retryDelaySeconds(answered(status), 3, config, 0)).toBeNull();
  });

  it('tries again after the 202 of a gateway, twice, and not after any other 202 (H8)', () => {
    const pending = { ...answered(202), isPending: true };

    expect(retryDelaySeconds(pending, 1, config, 0)).toBe(1);
    expect(retryDelaySeconds({ ...pending, retryAfterSeconds: 20 }, 2, config, 0)).toBe(20);
    expect(retryDelaySeconds(pending, 3, config, 0)).toBeNull();
    expect(retryDelaySeconds(answered(202, 20), 1, config, 0)).toBeNull();
    expect(cooldownSeconds({ ...pending, retryAfterSeconds: 20 }, 1, config)).toBeNull();
  });

  it.each([201, 301, 400, 401, 403, 404, 410, 500, 502, 504])(
    'never tries again after %i [D4, D6, D7, D8]',
    (status) => {
      expect(retryDelaySeconds(answered(status), 1, config)).toBeNull();
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
  ] as const)('never tries again when there was no complete answer: %s [C25, D18, D19, D20, D29]', (reason) => {
    expect(retryDelaySeconds({ kind: 'unreachable', reason, ...trace }, 1, config)).toBeNull();
  });

  it.each(['not_json', 'invalid_json', 'empty_metadata', 'invalid_data_uri'] as const)(
    'never tries again when the answer is no metadata: %s [C6, D29]',
    (reason) => {
      expect(retryDelaySeconds({ kind: 'undecodable', reason, body: '', ...trace }, 1, config)).toBeNull();
    },
  );

  it('tries a token again ten times in all while its node is in trouble [A9]', () => {
    const trouble = { kind: 'unreachable' as const, reason: 'rpc_error' as const, ...trace };

    expect(retryDelaySeconds(trouble, 1, config, 0)).toBe(1);
    expect(retryDelaySeconds(trouble, 9, config, 0)).toBe(60);
    expect(retryDelaySeconds(trouble, 10, config, 0)).toBeNull();
    expect(retryDelaySeconds({ ...trouble, retryAfterSeconds: 20 }, 1, config, 0)).toBe(20);
  });

  it('tries a token again ten times in all that a worker had no room for, without a rest of its host', () => {
    const busy = { kind: 'unreachable' as const, reason: 'busy' as const, ...trace };

    expect(retryDelaySeconds(busy, 1, config, 0)).toBe(1);
    expect(retryDelaySeconds(busy, 9, config, 0)).toBe(60);
    expect(retryDelaySeconds(busy, 10, config, 0)).toBeNull();
    expect(cooldownSeconds(busy, 1, config)).toBeNull();
  });

  it.each(['unreachable', 'no_token'] as const)(
    'tries a token that its contract refuses once more: %s [A6]',
    (kind) => {
      const refused = { kind, reason: 'contract_reverted' as const, ...trace };

      expect(retryDelaySeconds(refused, 1, config, 0)).toBe(1);
      expect(retryDelaySeconds(refused, 2, config, 0)).toBeNull();
      expect(retryDelaySeconds(refused, 1, { ...config, maxAttempts: 1 }, 0)).toBeNull();
    },
  );

  it('makes each pause longer than the last, whatever the jitter, up to the cap [D23]', () => {
    const patient = { ...config, maxAttempts: 11 };
    const pauses = (random: number) =>
      Array.from({ length: 10 }, (_, index) => retryDelaySeconds(answered(503), index + 1, patient, random)!);

    expect(pauses(0)).toEqual([1, 2, 4, 8, 16, 32, 60, 60, 60, 60]);
    expect(pauses(1)).toEqual([1.25, 2.5, 5, 10, 20, 40, 60, 60, 60, 60]);
    for (let index = 0; index < 6; index += 1) expect(pauses(0)[index + 1]).toBeGreaterThan(pauses(1)[index]!);
  });

  it('waits as long as the host asks for, up to the cap [D9, D10, D13]', () => {
    expect(retryDelaySeconds(answered(429, 20), 1, config, 0)).toBe(20);
    expect(retryDelaySeconds(answered(429, 999_999), 1, config, 0)).toBe(60);
    expect(retryDelaySeconds(answered(503, 0), 2, config, 0)).toBe(2);
  });

  it('spreads retries by at most a quarter [D23]', () => {
    expect(retryDelaySeconds(answered(429), 1, config, 1)).toBe(1.25);
  });

  it('does not overflow however often it is asked [D25]', () => {
    expect(retryDelaySeconds(answered(429), 5000, { ...config, maxAttempts: 9999 })).toBe(60);
  });
});

describe('how long a whole host is left alone', () => {
  it('after 429: as long as the first retry waits, or longer if the host says so, up to the cap [D10, D13]', () => {
    expect(cooldownSeconds(answered(429), 1, config)).toBe(1);
    expect(cooldownSeconds(answered(429), 3, config)).toBe(4);
    expect(cooldownSeconds(answered(429, 20), 3, config)).toBe(20);
    expect(cooldownSeconds(answered(429, 999_999), 1, config)).toBe(60);
  });

  it('after 503: only if it says for how long [D9]', () => {
    expect(cooldownSeconds(answered(503), 1, config)).toBeNull();
    expect(cooldownSeconds(answered(503, 20), 1, config)).toBe(20);
  });

  it('after trouble of a whole node: as after 429; after trouble with one call: not at all [A10, A12]', () => {
    const trouble = { kind: 'unreachable' as const, reason: 'rpc_error' as const, ...trace };

    expect(cooldownSeconds({ ...trouble, retryAfterSeconds: 0 }, 1, config)).toBe(1);
    expect(cooldownSeconds({ ...trouble, retryAfterSeconds: 20 }, 1, config)).toBe(20);
    expect(cooldownSeconds(trouble, 1, config)).toBeNull();
  });

  it('after anything else: not at all', () => {
    expect(cooldownSeconds(answered(500, 20), 1, config)).toBeNull();
    expect(cooldownSeconds({ kind: 'unreachable', reason: 'timeout', ...trace }, 1, config)).toBeNull();
  });
});
