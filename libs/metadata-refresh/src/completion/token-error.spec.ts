import { UNDECODABLE_REASONS, UNREACHABLE_REASONS, type FetchOutcome } from '@app/metadata-fetch';
import { isReasonOf } from '../refresh-reason.js';
import { NOT_REGISTERED, toTokenError, unexpectedNotModified, WORKER_LOST, type Failure } from './token-error.js';

const url = 'https://api.example/7';
const trace = { url, durationMs: 12, bytes: 0, otherRequests: [] } satisfies Partial<FetchOutcome>;

describe('the error code of a failed token', () => {
  it.each(UNREACHABLE_REASONS)(
    'a token without a complete response, %s, fails with unable_to_retrieve_metadata, without status and body',
    (reason) => {
      expect(toTokenError({ ...trace, kind: 'unreachable', reason })).toEqual({
        errorCode: 'unable_to_retrieve_metadata',
        reason,
        metadataUrl: url,
        statusCode: null,
        body: null,
      });
    },
  );

  it.each([206, 404, 429, 500, 503])(
    'a token whose response has the status %i fails with invalid_response_status_code, the status and the body',
    (status) => {
      expect(toTokenError({ ...trace, kind: 'bad_status', status, body: 'sorry' })).toEqual({
        errorCode: 'invalid_response_status_code',
        reason: `status_${status}`,
        metadataUrl: url,
        statusCode: status,
        body: 'sorry',
      });
    },
  );

  it.each(UNDECODABLE_REASONS.filter((reason) => reason !== 'invalid_token_uri'))(
    'a token whose response is not metadata, %s, fails with unable_to_decode_response, status 200 and the body',
    (reason) => {
      expect(toTokenError({ ...trace, kind: 'undecodable', reason, body: '[]' })).toEqual({
        errorCode: 'unable_to_decode_response',
        reason,
        metadataUrl: url,
        statusCode: 200,
        body: '[]',
      });
    },
  );

  it('a token whose contract returns an invalid token URI has no status and no body: no metadata host was requested', () => {
    expect(toTokenError({ ...trace, kind: 'undecodable', reason: 'invalid_token_uri', body: 'x' })).toMatchObject({
      errorCode: 'unable_to_decode_response',
      reason: 'invalid_token_uri',
      statusCode: null,
      body: null,
    });
  });

  it('a token that does not exist, as its contract says, fails with token_not_found', () => {
    expect(toTokenError({ ...trace, url: '', kind: 'no_token', reason: 'contract_reverted' })).toEqual({
      errorCode: 'token_not_found',
      reason: 'contract_reverted',
      metadataUrl: '',
      statusCode: null,
      body: null,
    });
  });

  it('a 304 to a request without validators is a failure with its status', () => {
    expect(unexpectedNotModified(url)).toMatchObject({
      errorCode: 'invalid_response_status_code',
      reason: 'status_304',
      statusCode: 304,
    });
  });

  it('the reason of each error belongs to its error code', () => {
    const failures: Failure[] = [
      ...UNREACHABLE_REASONS.map((reason) => ({ ...trace, kind: 'unreachable' as const, reason })),
      ...UNDECODABLE_REASONS.map((reason) => ({ ...trace, kind: 'undecodable' as const, reason, body: '' })),
      { ...trace, kind: 'bad_status', status: 418, body: '' },
      { ...trace, kind: 'no_token', reason: 'contract_reverted' },
    ];
    const errors = [...failures.map(toTokenError), NOT_REGISTERED, WORKER_LOST, unexpectedNotModified(url)];

    expect(errors.filter(({ errorCode, reason }) => !isReasonOf(errorCode, reason))).toEqual([]);
  });
});
