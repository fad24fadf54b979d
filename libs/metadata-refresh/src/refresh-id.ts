import { RefreshNotFound } from './metadata-refresh.errors.js';

/** Throws RefreshNotFound for a malformed id. */
export function parseRefreshId(refreshId: string): string {
  if (!/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(refreshId)) throw new RefreshNotFound(refreshId);
  return refreshId;
}
