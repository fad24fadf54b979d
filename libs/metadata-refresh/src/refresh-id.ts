import { RefreshNotFound } from './metadata-refresh.errors.js';
import { isUuid } from './uuid.js';

/** Throws RefreshNotFound for a malformed id. */
export function parseRefreshId(refreshId: string): string {
  if (!isUuid(refreshId)) throw new RefreshNotFound(refreshId);
  return refreshId;
}
