import type { TestDatabase } from './database.js';
import type { MetadataHost } from './metadata-host.js';

/** What becomes of the items below, in the order of their ids. */
export const FILLED = {
  endings: [
    { tokenId: '1', status: 'succeeded' },
    { tokenId: '2', status: 'failed' },
    { tokenId: '3', status: 'succeeded' },
    { tokenId: '4', status: 'succeeded' },
    { tokenId: '5', status: 'succeeded' },
  ],
};

/** Of each table that may be there: rows as the code wrote them that knew it. `$host` is the metadata host. */
const ROWS: readonly [table: string, sql: string][] = [
  [
    'projects',
    `insert into nft_metadata.projects (id, name, owner_address, tokens_per_hour)
     values ('studio', 'Studio', '0x${'a'.repeat(40)}', 1000)`,
  ],
  [
    'api_keys',
    `insert into nft_metadata.api_keys (id, project_id, prefix, hash)
     values ('00000000-0000-4000-8000-000000000001', 'studio', 'c0ffee', sha256('key'))`,
  ],
  ['request_windows', `insert into nft_metadata.request_windows (key, started_at, hits) values ('studio', now(), 3)`],
  [
    'used_signatures',
    `insert into nft_metadata.used_signatures (address, signed_at) values ('0x${'a'.repeat(40)}', now())`,
  ],
  [
    'collections',
    `insert into nft_metadata.collections (id, chain_id, address, project_id, source, metadata_url)
     values ('00000000-0000-4000-8000-00000000000c', 1, '0x${'c'.repeat(40)}', 'studio', 'metadata_api', 'http://$host/old')`,
  ],
  [
    'collection_traits',
    `insert into nft_metadata.collection_traits (collection_id, trait_type, value, token_count)
     values ('00000000-0000-4000-8000-00000000000c', 'Eyes', 'Green', 1)`,
  ],
  [
    'tokens',
    `insert into nft_metadata.tokens
       (collection_id, token_id, name, raw, metadata_status, last_success_at, trait_ids, metadata_version, fetch_seq)
     select '00000000-0000-4000-8000-00000000000c', id, name, raw, status, last_success_at, trait_ids, version, version
     from (values
       (1, 'One', '{"name":"One"}'::jsonb, 'ok', now(), array(select id from nft_metadata.collection_traits), 1),
       (2, null, null, 'failed', null, '{}', 0), (3, null, null, 'pending', null, '{}', 0),
       (4, null, null, 'pending', null, '{}', 0), (5, null, null, 'pending', null, '{}', 0)
     ) as token (id, name, raw, status, last_success_at, trait_ids, version)`,
  ],
  ['lanes', `insert into nft_metadata.lanes (project_id, host) values ('studio', '$host')`],
  [
    'refreshes',
    `insert into nft_metadata.refreshes
       (id, project_id, collection_id, collection_address, source, total, succeeded, failed, created_at, completed_at)
     select id::uuid, 'studio', '00000000-0000-4000-8000-00000000000c', '0x${'c'.repeat(40)}',
       '{"kind":"metadata_api","url":"http://$host/old"}', total, succeeded, failed, now(), completed_at
     from (values
       ('00000000-0000-4000-8000-0000000000f1', 2, 1, 1, now()), ('00000000-0000-4000-8000-0000000000f2', 3, 0, 0, null)
     ) as refresh (id, total, succeeded, failed, completed_at)`,
  ],
  [
    // Final; due; claimed by a worker that has died; waiting for a retry.
    'refresh_items',
    `insert into nft_metadata.refresh_items
       (refresh_id, lane_id, token_id, status, due_at, claim_count, attempt_count, finished_at)
     select refresh_id::uuid, lane.id, item.token_id, item.status, now() + due_in * interval '1 second', claims, attempts,
       case when item.status <> 'pending' then now() end
     from nft_metadata.lanes as lane, (values
       ('00000000-0000-4000-8000-0000000000f1', 1, 'succeeded', 0, 1, 1),
       ('00000000-0000-4000-8000-0000000000f1', 2, 'failed', 0, 1, 1),
       ('00000000-0000-4000-8000-0000000000f2', 3, 'pending', 0, 0, 0),
       ('00000000-0000-4000-8000-0000000000f2', 4, 'pending', 2, 1, 0),
       ('00000000-0000-4000-8000-0000000000f2', 5, 'pending', 1, 1, 1)
     ) as item (refresh_id, token_id, status, due_in, claims, attempts)`,
  ],
  [
    'refresh_errors',
    `insert into nft_metadata.refresh_errors
       (item_id, refresh_id, token_id, metadata_url, status_code, body, error_code, reason, created_at)
     select id, refresh_id, token_id, 'http://$host/old/2', 404, '', 'invalid_response_status_code', 'status_404', now()
     from nft_metadata.refresh_items where status = 'failed'`,
  ],
  [
    'refresh_attempts',
    `insert into nft_metadata.refresh_attempts
       (collection_id, token_id, refresh_id, attempt, url, outcome, status_code, duration_ms, bytes, attempted_at)
     values ('00000000-0000-4000-8000-00000000000c', 1, '00000000-0000-4000-8000-0000000000f1', 1, 'http://$host/old/1',
       'fetched', 200, 10, 100, now())`,
  ],
  [
    'refresh_quotas',
    `insert into nft_metadata.refresh_quotas (project_id, window_started_at, used) values ('studio', now(), 5)`,
  ],
  ['metadata_hosts', `insert into nft_metadata.metadata_hosts (host) values ('$host')`],
  [
    'event_outbox',
    `insert into nft_metadata.event_outbox (occurred_at, changes, completions, event_count) values (now(), '[]', '[]', 1)`,
  ],
  [
    'webhooks',
    `insert into nft_metadata.webhooks (id, project_id, url, event_types, created_at)
     values ('00000000-0000-4000-8000-0000000000e1', 'studio', 'http://$host/hook', '{refresh.completed}', now())`,
  ],
  [
    'webhook_secrets',
    `insert into nft_metadata.webhook_secrets (webhook_id, secret, created_at)
     values ('00000000-0000-4000-8000-0000000000e1', 'whsec_c2VjcmV0', now())`,
  ],
  [
    'webhook_deliveries',
    `insert into nft_metadata.webhook_deliveries
       (webhook_id, message_id, event_type, events, attempt, status_code, duration_ms, attempted_at)
     values ('00000000-0000-4000-8000-0000000000e1', 'msg_1-0', 'refresh.completed', 1, 1, 204, 10, now())`,
  ],
  [
    'event_cursors',
    `insert into nft_metadata.event_cursors (kind, name, position, event_index)
     values ('webhook', '00000000-0000-4000-8000-0000000000e1', 0, 0)`,
  ],
];

/** A project with a refresh behind it and one under way, as far as the database has tables for it. */
export async function fill({ query }: Pick<TestDatabase, 'query'>, { host }: MetadataHost): Promise<void> {
  for (const [table, sql] of ROWS) {
    const [{ exists } = { exists: false }] = await query<{ exists: boolean }>(
      `select to_regclass('nft_metadata.${table}') is not null as exists`,
    );
    if (exists) await query(sql.replaceAll('$host', host));
  }
}
