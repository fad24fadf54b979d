import { adviceFor, type RefreshErrorCode } from '@app/metadata-refresh';

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
