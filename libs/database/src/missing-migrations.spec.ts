import { describeDatabaseError } from './missing-migrations.js';

const refusal = Object.assign(new Error('connect ECONNREFUSED 127.0.0.1:5432'), { code: 'ECONNREFUSED' });

it('a database error is described by the message of the driver, without the statement', () => {
  const error = new Error(`select 1\n  from nft_metadata.tokens - ${refusal.message}`, { cause: refusal });

  expect(describeDatabaseError(error)).toBe('connect ECONNREFUSED 127.0.0.1:5432');
});

it('a database error of several addresses is described by the message of each', () => {
  const other = new Error('connect ECONNREFUSED ::1:5432');

  expect(describeDatabaseError(new AggregateError([refusal, other, refusal]))).toBe(
    'connect ECONNREFUSED 127.0.0.1:5432; connect ECONNREFUSED ::1:5432',
  );
});

it('an error that explains its cause is described by its own message, in one line', () => {
  const error = new Error('The session ended:\n  start again.', { cause: refusal });

  expect(describeDatabaseError(error)).toBe('The session ended: start again.');
});

it('a database error of missing migrations is described with what to do', () => {
  const error = Object.assign(new Error('relation "nft_metadata.tokens" does not exist'), { code: '42P01' });

  expect(describeDatabaseError(error)).toMatch(
    /^relation "nft_metadata.tokens" does not exist: migrations .*migrator\.up\(\)/,
  );
});
