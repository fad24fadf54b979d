import { adviceFor } from './reason-advice.js';
import { isRefreshReason, REFRESH_REASONS, type RefreshErrorCode } from '../refresh-reason.js';

const named = (Object.keys(REFRESH_REASONS) as RefreshErrorCode[]).flatMap((errorCode) =>
  REFRESH_REASONS[errorCode].map((reason) => ({ errorCode, reason })),
);
const statuses = Array.from({ length: 900 }, (_, index) => index + 100).filter((status) => status !== 200);

describe('the advice for a reason', () => {
  it('every reason that a token can fail for has one sentence of its own for the owner of the Metadata API [T6]', () => {
    const advice = named.map(({ errorCode, reason }) => adviceFor(errorCode, reason));

    expect(named.length).toBeGreaterThan(30);
    for (const sentence of advice) expect(sentence).toMatch(/^[A-Z][^.]+\.$/);
    expect(new Set(advice).size).toBe(advice.length);
    // The general advice for a reason that only a newer version knows.
    const codes = Object.keys(REFRESH_REASONS) as RefreshErrorCode[];
    for (const errorCode of codes) expect(advice).not.toContain(adviceFor(errorCode, 'a_newer_reason'));
  });

  it('a token that fails with any status but 200 has one sentence of advice [T6]', () => {
    const without = statuses.filter(
      (status) =>
        !isRefreshReason(`status_${status}`) ||
        !/^[A-Z][^.]+\.$/.test(adviceFor('invalid_response_status_code', `status_${status}`)),
    );

    expect(without).toEqual([]);
  });

  it('the advice for a status tells a missing document, a refusal, an overload and an error of the server apart', () => {
    const advice = [404, 401, 403, 429, 503, 500, 301, 204].map((status) =>
      adviceFor('invalid_response_status_code', `status_${status}`),
    );

    expect(new Set(advice).size).toBe(advice.length);
    expect(adviceFor('invalid_response_status_code', 'status_500')).toBe(
      adviceFor('invalid_response_status_code', 'status_507'),
    );
  });

  it('a reason that has two error codes has an advice for each', () => {
    expect(adviceFor('token_not_found', 'contract_reverted')).not.toBe(
      adviceFor('unable_to_retrieve_metadata', 'contract_reverted'),
    );
  });
});
