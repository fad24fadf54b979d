import {
  adviceOf,
  type Page,
  type QuotaState,
  type Refresh,
  type RefreshDetails,
  type RefreshError,
  type RefreshEvent,
  type RefreshLimits,
} from '@app/metadata-refresh';
import type { z } from 'zod';
import { toMicroseconds } from '../microseconds.js';
import { formatCursor } from '../cursor.js';
import type {
  limitsSchema,
  refreshErrorPageSchema,
  refreshErrorSchema,
  refreshEventSchema,
  refreshPageSchema,
  refreshRowSchema,
  refreshSchema,
  tokensPerHourSchema,
} from './project-api.responses.js';

export function toRefreshBody(refresh: RefreshDetails): z.output<typeof refreshSchema> {
  const { speed, reasons } = refresh;
  return {
    ...toRefreshRow(refresh),
    progress: speed && { per_second: speed.perSecond, estimated_completion: speed.estimatedCompletion },
    reasons: reasons.map(({ errorCode, reason, count, exampleTokenId, advice }) => {
      return { error_code: errorCode, reason, count, example_token_id: exampleTokenId, advice };
    }),
    advice: [...adviceOf(refresh), ...whereToLook(refresh)],
  };
}

function whereToLook({ verdicts, failed }: RefreshDetails): string[] {
  const lines = [];
  if (verdicts.updated > 0)
    lines.push('To see what changed in each token, add /tokens?verdict=updated to the URL of this refresh.');
  if (failed > 0) {
    lines.push('To see each token that failed, add /tokens?verdict=failed to the URL of this refresh.');
    lines.push('To refresh the failed tokens again, POST to the URL of this refresh with /retry added.');
  }
  return lines;
}

function toRefreshRow(refresh: Refresh): z.output<typeof refreshRowSchema> {
  const { succeeded, failed, cancelled, pending, cooldown, trigger, verdicts } = refresh;
  return {
    refresh_id: refresh.id,
    status: refresh.status,
    collection_address: refresh.collectionAddress,
    started_at: refresh.createdAt,
    completed_at: refresh.completedAt,
    summary: { succeeded, failed, pending, ...(cancelled > 0 && { cancelled }) },
    // From here on, additions to the wire format.
    trigger,
    event: toEventBody(refresh.event),
    verdicts,
    cooldown,
    not_before: refresh.notBefore,
    paused_at: refresh.pausedAt,
    cancelled_at: refresh.cancelledAt,
    retry_of: refresh.retryOf,
  };
}

export function toEventBody(event: RefreshEvent | null): z.output<typeof refreshEventSchema> {
  return (
    event && {
      kind: event.kind,
      chain_id: event.chainId,
      transaction_hash: event.transactionHash,
      block_number: event.blockNumber,
      log_index: event.logIndex,
    }
  );
}

function toErrorRow(error: RefreshError): z.output<typeof refreshErrorSchema> {
  return {
    token_id: error.tokenId,
    collection_address: error.collectionAddress,
    client_token_metadata_url: error.metadataUrl,
    client_response_status_code: error.statusCode,
    client_response_body: error.body,
    error_code: error.errorCode,
    /** An addition to the wire format: the more precise reason. */
    reason: error.reason,
    created_at: error.createdAt,
  };
}

/** `remaining` is a flag, 1 or 0. The cursor is not empty on the last page: clients stop on `remaining`. */
export function toPageBody<Row extends { id: string; createdAt: string }, Body>(
  { rows, hasMore }: Page<Row>,
  toBody: (row: Row) => Body,
) {
  const last = rows.at(-1);
  return { result: rows.map(toBody), cursor: last ? formatCursor(last) : '', remaining: hasMore ? 1 : 0 };
}

export function toRefreshPage(page: Page<Refresh>): z.output<typeof refreshPageSchema> {
  return toPageBody(page, toRefreshRow);
}

export function toErrorPage(page: Page<RefreshError>): z.output<typeof refreshErrorPageSchema> {
  return toPageBody(page, toErrorRow);
}

export function toLimitsBody(
  requestsPerSecond: number,
  { tokensPerRequest, tokensPerSelection, tokensPerHour }: RefreshLimits,
): z.output<typeof limitsSchema> {
  return {
    requests_per_second: requestsPerSecond,
    tokens_per_request: tokensPerRequest,
    tokens_per_selection: tokensPerSelection,
    tokens_per_hour: toHourBody(tokensPerHour),
  };
}

export function toHourBody({ limit, remaining, resetsAt }: QuotaState): z.output<typeof tokensPerHourSchema> {
  return { limit, remaining, resets_at: toMicroseconds(resetsAt) };
}

/** Counted in tokens, the unit of the limit; the reset is UNIX time in seconds. */
export function toLimitHeaders({ limit, remaining, resetsAt }: QuotaState): Record<string, string> {
  return {
    'x-imx-refreshes-limit': String(limit),
    'x-imx-remaining-refreshes': String(remaining),
    'x-imx-refresh-limit-reset': String(Math.ceil(resetsAt.getTime() / 1000)),
  };
}
