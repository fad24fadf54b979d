import { REFRESH_REASONS, type RefreshErrorCode } from '@app/metadata-refresh';
import { adviceOn } from './advice.js';

const REASONS: [RefreshErrorCode, string][] = [
  ...Object.entries(REFRESH_REASONS).flatMap(([code, reasons]) =>
    reasons.map((reason): [RefreshErrorCode, string] => [code as RefreshErrorCode, reason]),
  ),
  ...[202, 302, 304, 400, 401, 403, 404, 405, 410, 429, 451, 500, 502, 503, 504, 999].map(
    (status): [RefreshErrorCode, string] => ['invalid_response_status_code', `status_${status}`],
  ),
];

it.each(REASONS)('the reason %s %s says what is wrong and what to do, in a sentence each [K27]', (code, reason) => {
  const { title, advice } = adviceOn(code, reason);

  expect(title).toMatch(/^[A-Z].{10,}[^.:]$/);
  expect(advice).toMatch(/^[A-Z].{5,}\.$/);
});

it('the colon of a URI is not the end of the first sentence', () => {
  expect(adviceOn('unable_to_decode_response', 'invalid_data_uri').title).toBe(
    'The data: URI of the token cannot be decoded',
  );
});
