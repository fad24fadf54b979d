import { isRefreshReason } from '@app/metadata-refresh';
import { InvalidArgumentError } from 'commander';

/** A reason of a failure. */
export function parseReason(text: string): string {
  if (!isRefreshReason(text)) {
    throw new InvalidArgumentError(
      `${JSON.stringify(text)} is not a reason of a failure, such as timeout or status_404.`,
    );
  }
  return text;
}
