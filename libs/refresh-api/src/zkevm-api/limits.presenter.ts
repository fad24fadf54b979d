import type { QuotaState } from '@app/metadata-refresh';
import type { z } from 'zod';
import { toMicroseconds } from '../microseconds.js';
import type { limitsSchema } from './zkevm-api.responses.js';

/** Counted in tokens, the unit of the limit. All values are text. */
export function toLimitsBody(
  { limit, remaining, resetsAt }: QuotaState,
  retryAfterSeconds: number,
): z.output<typeof limitsSchema> {
  return {
    imx_refreshes_limit: String(limit),
    imx_remaining_refreshes: String(remaining),
    imx_refresh_limit_reset: toMicroseconds(resetsAt),
    retry_after: String(retryAfterSeconds),
  };
}

/** The same values. */
export function toLimitHeaders(quota: QuotaState, retryAfterSeconds: number): Record<string, string> {
  const body = toLimitsBody(quota, retryAfterSeconds);
  return Object.fromEntries(Object.entries(body).map(([name, value]) => [name.replaceAll('_', '-'), value]));
}

/** After an accepted push. */
export function secondsToNextPush({ remaining, resetsInSeconds }: QuotaState): number {
  return remaining > 0 ? 0 : resetsInSeconds;
}
