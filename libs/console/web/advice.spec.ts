import { adviceFor, retrySentence } from './advice.js';

it('a status that means "later" is worth a retry, and another is not [K27]', () => {
  expect(adviceFor('status_429')).toEqual({ owner: 'metadata_api', retryHelps: true });
  expect(adviceFor('status_404')).toEqual({ owner: 'metadata_api', retryHelps: false });
  expect(retrySentence('timeout')).toBe('Retrying is likely to help.');
  expect(retrySentence('invalid_json')).toBe('');
});

it('the console shows a reason that a newer version has written without advice [K27]', () => {
  expect(adviceFor('constructor')).toBeNull();
  expect(adviceFor('status_')).toBeNull();
  expect(retrySentence('status_')).toBe('');
});
