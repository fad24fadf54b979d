import type { Page, QuotaState, Refresh, RefreshError } from '@app/metadata-refresh';
import { formatCursor } from './cursor.js';

/** One refresh as the list shows it: without its counts. */
function toListRow(refresh: Refresh) {
  return {
    refresh_id: refresh.id,
    status: refresh.status,
    collection_address: refresh.collectionAddress,
    started_at: refresh.createdAt,
    completed_at: refresh.completedAt,
  };
}

export function toRefreshBody(refresh: Refresh) {
  const { succeeded, failed, pending } = refresh;
  return { ...toListRow(refresh), summary: { succeeded, failed, pending } };
}

function toErrorRow(error: RefreshError) {
  return {
    token_id: error.tokenId,
    collection_address: error.collectionAddress,
    client_token_metadata_url: error.metadataUrl,
    client_response_status_code: error.statusCode,
    client_response_body: error.body,
    error_code: error.errorCode,
    /** Ours, beside the contract: the finer reason. */
    reason: error.reason,
    created_at: error.createdAt,
  };
}

/** `remaining` is a flag, 1 or 0. The cursor is not empty on the last page: clients stop on `remaining`. */
function toPageBody<Row extends { id: string; createdAt: string }, Body>(
  { rows, hasMore }: Page<Row>,
  toBody: (row: Row) => Body,
) {
  const last = rows.at(-1);
  return { result: rows.map(toBody), cursor: last ? formatCursor(last) : '', remaining: hasMore ? 1 : 0 };
}

export const toRefreshPage = (page: Page<Refresh>) => toPageBody(page, toListRow);
export const toErrorPage = (page: Page<RefreshError>) => toPageBody(page, toErrorRow);

/** Counted in tokens, the unit of the limit; the reset is UNIX time in seconds. */
export function toLimitHeaders({ limit, remaining, resetsAt }: QuotaState): Record<string, string> {
  return {
    'x-imx-refreshes-limit': String(limit),
    'x-imx-remaining-refreshes': String(remaining),
    'x-imx-refresh-limit-reset': String(Math.ceil(resetsAt.getTime() / 1000)),
  };
}
