import { adviceFor, REFRESH_ERROR_CODES, REFRESH_REASONS, type RefreshErrorCode } from '@app/metadata-refresh';

/** What is wrong, and what a person can do about it. */
export interface Advice {
  title: string;
  advice: string;
}

/** The sentence of a reason in its two halves. */
export function adviceOn(errorCode: RefreshErrorCode, reason: string): Advice {
  const sentence = adviceFor(errorCode, reason);
  // Not the colon of "data:".
  const end = /(?<!\bdata): /.exec(sentence);
  if (!end) return { title: sentence, advice: '' };
  const advice = sentence.slice(end.index + 2);
  return { title: sentence.slice(0, end.index), advice: advice.charAt(0).toUpperCase() + advice.slice(1) };
}

/** A code that the reason is of; some are of two. */
export function codeOf(reason: string): RefreshErrorCode {
  if (reason.startsWith('status_')) return 'invalid_response_status_code';
  const known = REFRESH_ERROR_CODES.find((code) => (REFRESH_REASONS[code] as readonly string[]).includes(reason));
  return known ?? 'unable_to_retrieve_metadata';
}
