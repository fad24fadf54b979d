import { EntityManager } from '@mikro-orm/postgresql';
import { inTransaction } from '@app/database';
import { Inject, Injectable } from '@nestjs/common';
import { sql } from 'kysely';
import { METADATA_REFRESH_CONFIG, type MetadataRefreshConfig } from './metadata-refresh.options.js';
import type { ClaimedItem, ClaimedToken } from './claimed-token.js';
import { MIN_PREFETCH, type HostDemand } from './host-demand.js';
import type { ItemResult } from './item-result.js';

export interface Claim {
  tokens: ClaimedToken[];
  /** The claim served its maximum of lanes: others may have due items as well. */
  mayHaveLeftLanes: boolean;
  /** Hosts whose demand was filled. */
  fullHosts: ReadonlySet<string>;
}

export interface FinishedItem {
  id: string;
  /** Of two results for one item, the one with this number counted. */
  claimCount: number;
  refreshId: string;
  status: 'pending' | 'succeeded' | 'failed';
}

export interface RefreshProgress {
  refreshId: string;
  projectId: string;
  collectionId: string;
  total: number;
  succeeded: number;
  failed: number;
  completed: boolean;
}

/** The NOTIFY channel on which an accepted refresh wakes idle workers. */
export const REFRESH_CHANNEL = 'nft_metadata_refresh';
/** The payload on this channel when the refresh is interactive; empty for all others. */
export const INTERACTIVE = 'interactive';

/** Maximum lanes of one claim. */
const LANES_PER_CLAIM = 8;

/**
 * A condition on a due item. A scalar subquery runs row by row, and only until enough rows are found: "not exists" would
 * become a join with all items in flight. "is true" makes the planner use the index on the token instead of a scan of all
 * items of the lane that are in flight.
 */
const isNotBeingFetched = sql`(
  select true from nft_metadata.refresh_items as other
  where other.lane_id = item.lane_id and other.token_id = item.token_id and other.status = 'pending'
    and (other.due_at > now()) is true and other.claim_count > other.attempt_count + other.release_count
    and (select collection_id from nft_metadata.refreshes where id = other.refresh_id)
      = (select collection_id from nft_metadata.refreshes where id = item.refresh_id)
  limit 1
) is null`;

/** The item rows are the queue. This file has every statement that changes their state. */
@Injectable()
export class RefreshQueue {
  constructor(
    private readonly em: EntityManager,
    @Inject(METADATA_REFRESH_CONFIG) private readonly config: MetadataRefreshConfig,
  ) {}

  /**
   * Claims tokens with due items, lane by lane, the least recently served lane first, and at most the demand of each host.
   * Hosts that are not in the list are new to this worker; hosts in cooldown are skipped. The lanes share the batch, and the
   * large, small and interactive requests of a lane share its part in turns. All due items of a token are claimed together,
   * for one fetch. A token in flight is skipped until its fetch is written, because an item that was accepted after the
   * start of that fetch needs a newer response.
   *
   * `limit` is the maximum number of tokens. With `onlyInteractive`, only interactive requests are claimed, also of new
   * hosts; such a claim may run concurrently with another one.
   *
   * A claim moves due_at one lease ahead, so the items of a worker that died are due again by themselves. A lane is locked
   * while it is served, and SKIP LOCKED lets concurrent workers skip it without waiting.
   */
  async claim(
    demand: readonly HostDemand[],
    { onlyInteractive = false, limit = this.config.claimBatchSize } = {},
  ): Promise<Claim> {
    const rows = await inTransaction(this.em, (em) => this.claimRows(em, demand, { onlyInteractive, limit }));
    return {
      tokens: coalesceByToken(rows),
      mayHaveLeftLanes: rows[0]?.lanes === LANES_PER_CLAIM,
      fullHosts: new Set(rows.filter(({ isLaneFull }) => isLaneFull).map(({ host }) => host)),
    };
  }

  private async claimRows(
    em: EntityManager,
    demand: readonly HostDemand[],
    { onlyInteractive, limit }: { onlyInteractive: boolean; limit: number },
  ): Promise<ClaimedRow[]> {
    const { leaseSeconds, hostConcurrency } = this.config;
    // JIT off: the planner does not know how early the limits end the search, and would compile a statement of milliseconds for
    // more than a second. The timeout: a process that freezes here must not keep its lanes locked.
    await sql`
      select set_config('jit', 'off', true), set_config('idle_in_transaction_session_timeout', '10s', true)`.execute(
      em.getKysely(),
    );
    const { rows } = await sql<ClaimedRow>`
      with recursive active as (
        (select lane_id from nft_metadata.refresh_items where status = 'pending' order by lane_id limit 1)
        union all
        select (
          select lane_id from nft_metadata.refresh_items
          where status = 'pending' and lane_id > active.lane_id order by lane_id limit 1
        )
        from active where active.lane_id is not null
      ), host as materialized (
        select * from unnest(
          ${demand.map(({ host }) => host)}::text[], ${demand.map(({ tokens }) => tokens)}::int[],
          ${demand.map(({ onlyInteractive }) => onlyInteractive)}::boolean[]
        ) as host (name, room, only_interactive)
      ), chosen as materialized (
        select lane.id, lane.host, host.room, size_limit.only_interactive,
          (select min(host_concurrency) from nft_metadata.lanes as other where other.host = lane.host) as host_limit
        from nft_metadata.lanes as lane
        left join host on host.name = lane.host
        cross join lateral (select coalesce(host.only_interactive, ${onlyInteractive}::boolean) as only_interactive) as size_limit
        cross join lateral (
          select from unnest(case when size_limit.only_interactive then '{0}' else '{0,1,2}' end::smallint[]) as size (priority)
          cross join lateral (
            select from nft_metadata.refresh_items as item
            where lane_id = lane.id and status = 'pending' and priority = size.priority and due_at <= now()
              and ${isNotBeingFetched}
            order by due_at
            limit 1
          ) as of_size
          limit 1
        ) as one_due
        where lane.id = any(array(select lane_id from active))
          and (host.room > 0) is not false
          and lane.host <> all(array(select host from nft_metadata.metadata_hosts where cooldown_until > now()))
        order by lane.served_at, lane.id
        limit ${LANES_PER_CLAIM}
        -- "no key": transactions that accept refreshes hold key-share locks on the lane, which do not conflict with it.
        for no key update of lane skip locked
      ), served as (
        update nft_metadata.lanes set served_at = clock_timestamp() where id = any(array(select id from chosen))
      ), part as materialized (
        select id, only_interactive, greatest(1, least(
          coalesce(room, ${MIN_PREFETCH}::int) / count(*) over (partition by host),
          ${limit}::int / count(*) over ()
        ))::int as items
        from chosen
      ), due as materialized (
        select part.id as lane_id, part.items as room, item.token_id, refresh.collection_id
        from part
        cross join lateral (
          select token_id, refresh_id
          from unnest(case when part.only_interactive then '{0}' else '{0,1,2}' end::smallint[]) as size (priority)
          cross join lateral (
            select token_id, refresh_id, row_number() over (order by due_at, id) as turn
            from nft_metadata.refresh_items as item
            where lane_id = part.id and status = 'pending' and priority = size.priority and due_at <= now()
              and ${isNotBeingFetched}
            order by due_at, id
            limit part.items
          ) as candidate
          order by turn, size.priority
          limit part.items
        ) as item
        join nft_metadata.refreshes as refresh on refresh.id = item.refresh_id
      ), same_token as materialized (
        -- "offset 0": token by token through its index. Joined freely, the planner walks over all refreshes instead.
        select item.id
        from (select distinct lane_id, token_id, collection_id from due) as due
        cross join lateral (
          select id, refresh_id from nft_metadata.refresh_items
          where lane_id = due.lane_id and token_id = due.token_id and status = 'pending' and (due_at <= now()) is true
          offset 0
        ) as item
        where (select collection_id from nft_metadata.refreshes where id = item.refresh_id) = due.collection_id
      ), claimed as (
        -- "is true", so that rows are found by their ids and not by walking over all that is due.
        update nft_metadata.refresh_items as item
        set due_at = now() + ${leaseSeconds} * interval '1 second', claim_count = item.claim_count + 1
        from nft_metadata.refreshes as refresh
        where item.id = any(array(select id from same_token))
          and (item.status = 'pending' and item.due_at <= now()) is true
          and refresh.id = item.refresh_id
        returning item.*, refresh.collection_id, refresh.source
      )
      select claimed.id::text as id, claim_count as "claimCount", attempt_count as "attemptCount", release_count as "releaseCount",
        refresh_id as "refreshId", priority, collection_id as "collectionId", token_id::text as "tokenId", source,
        chosen.host, coalesce(chosen.host_limit, ${hostConcurrency}::int) as "hostLimit",
        (select count(*)::int from chosen) as lanes,
        claimed.lane_id in (select lane_id from due group by lane_id having count(*) >= max(room)) as "isLaneFull",
        nextval('nft_metadata.fetch_seq')::text as "fetchSeq"
      from claimed
      join chosen on chosen.id = claimed.lane_id
      order by row_number() over (partition by claimed.lane_id, priority order by claimed.id), priority, chosen.id`.execute(
      em.getKysely(),
    );
    return rows;
  }

  /**
   * Writes the results of items that are still claimed by this worker, and the errors of failed items. Items are selected by
   * an array of ids: for a join, the planner expects one row and runs a nested loop over all items in flight. Returns the
   * items that were finished; a worker whose lease has expired finishes none.
   */
  async finish(em: EntityManager, results: readonly ItemResult[]): Promise<FinishedItem[]> {
    const { rows } = await sql<FinishedItem>`
      with result as materialized (
        select * from jsonb_to_recordset(${JSON.stringify(results.map(toRow))}::jsonb) as result (
          id bigint, claim_count int, status text, delay_seconds float8,
          metadata_url text, status_code int, body text, error_code text, reason text
        )
      ), locked as (
        select id from nft_metadata.refresh_items
        -- "is true" here as well: use the primary key, not the index of pending items.
        where id = any(${results.map(({ item }) => item.id)}::bigint[]) and (status = 'pending') is true
        order by id
        for update
      ), finished as (
        update nft_metadata.refresh_items as item
        set status = result.status,
          attempt_count = item.attempt_count + 1,
          -- While it waits for its retry it is not in flight, however many claims were lost before this attempt.
          release_count = case when result.status = 'pending' then item.claim_count - item.attempt_count - 1
            else item.release_count end,
          due_at = case when result.status = 'pending' then now() + result.delay_seconds * interval '1 second' else item.due_at end,
          finished_at = case when result.status <> 'pending' then now() end
        from result
        where item.id = any(array(select id from locked))
          and item.id = result.id and item.claim_count = result.claim_count and (item.status = 'pending') is true
        returning item.id, item.claim_count, item.refresh_id, item.token_id, item.status, item.attempt_count
      ), errors as (
        insert into nft_metadata.refresh_errors
          (item_id, refresh_id, token_id, metadata_url, status_code, body, error_code, reason, created_at)
        select finished.id, finished.refresh_id, finished.token_id, result.metadata_url, result.status_code, result.body,
          result.error_code, result.reason, now()
        from finished join result on result.id = finished.id
        where finished.status = 'failed'
      ), attempts as (
        insert into nft_metadata.refresh_attempts
          (collection_id, token_id, refresh_id, attempt, url, outcome, status_code, reason, duration_ms, bytes, attempted_at)
        select request.collection_id, finished.token_id, finished.refresh_id, finished.attempt_count, request.url,
          request.outcome, request.status_code, request.reason, request.duration_ms, request.bytes, now()
        from jsonb_to_recordset(${JSON.stringify(results.flatMap(toAttemptRows))}::jsonb) as request (
          item_id bigint, collection_id uuid, url text, outcome text, status_code int, reason text, duration_ms int, bytes int
        )
        join finished on finished.id = request.item_id
      )
      select id::text as id, claim_count as "claimCount", refresh_id as "refreshId", status from finished`.execute(
      em.getKysely(),
    );
    return rows;
  }

  /** Fails succeeded items whose token was unregistered meanwhile. */
  async failMissing(em: EntityManager, itemIds: readonly string[]): Promise<void> {
    await sql`
      with failed as (
        update nft_metadata.refresh_items set status = 'failed' where id = any(${itemIds}::bigint[])
        returning id, refresh_id, token_id
      )
      insert into nft_metadata.refresh_errors
        (item_id, refresh_id, token_id, metadata_url, error_code, reason, created_at)
      select id, refresh_id, token_id, '', 'token_not_found', 'not_registered', now() from failed`.execute(
      em.getKysely(),
    );
  }

  /** The response was about another version than the one that is stored now: the items are due again at once. */
  async requeue(em: EntityManager, itemIds: readonly string[]): Promise<void> {
    await sql`
      update nft_metadata.refresh_items
      set status = 'pending', finished_at = null, due_at = now(), attempt_count = attempt_count - 1
      where id = any(${itemIds}::bigint[])`.execute(em.getKysely());
  }

  /**
   * Fails pending items of one refresh, at most `limit`. A fetch in flight does not change them afterwards. Locked items are
   * skipped, because a completion locks its items in another order. Returns the number of cancelled items.
   */
  async cancel(em: EntityManager, refreshId: string, limit: number): Promise<number> {
    const { rows } = await sql<{ cancelled: number }>`
      with cancelled as (
        update nft_metadata.refresh_items set status = 'failed', finished_at = now()
        where id = any(array(
          select id from nft_metadata.refresh_items
          where refresh_id = ${refreshId}::uuid and status = 'pending'
          limit ${limit}
          for update skip locked
        ))
        returning id, token_id
      ), errors as (
        insert into nft_metadata.refresh_errors
          (item_id, refresh_id, token_id, metadata_url, error_code, reason, created_at)
        select id, ${refreshId}::uuid, token_id, '', 'unable_to_retrieve_metadata', 'cancelled', now() from cancelled
      )
      select count(*)::int as cancelled from cancelled`.execute(em.getKysely());
    return rows[0]!.cancelled;
  }

  /** Updates the counters in the transaction that finished the items, and completes refreshes without pending items. */
  async count(
    em: EntityManager,
    finished: readonly Pick<FinishedItem, 'refreshId' | 'status'>[],
  ): Promise<RefreshProgress[]> {
    const counts = new Map<string, { succeeded: number; failed: number }>();
    for (const { refreshId, status } of finished) {
      if (status === 'pending') continue;
      const count = counts.get(refreshId) ?? { succeeded: 0, failed: 0 };
      count[status] += 1;
      counts.set(refreshId, count);
    }
    if (counts.size === 0) return [];
    const ids = [...counts.keys()];
    const { rows } = await sql<RefreshProgress>`
      with locked as (
        select id from nft_metadata.refreshes where id = any(${ids}::uuid[]) order by id for update
      )
      update nft_metadata.refreshes as refresh
      set succeeded = refresh.succeeded + count.succeeded,
        failed = refresh.failed + count.failed,
        completed_at = case
          when refresh.succeeded + refresh.failed + count.succeeded + count.failed = refresh.total
          then greatest(now(), refresh.created_at)
        end
      from unnest(
        ${ids}::uuid[],
        ${[...counts.values()].map(({ succeeded }) => succeeded)}::int[],
        ${[...counts.values()].map(({ failed }) => failed)}::int[]
      ) as count (id, succeeded, failed)
      where refresh.id = count.id and refresh.id = any(array(select id from locked))
      returning refresh.id as "refreshId", refresh.project_id as "projectId", refresh.collection_id as "collectionId",
        refresh.total, refresh.succeeded, refresh.failed, refresh.completed_at is not null as completed`.execute(
      em.getKysely(),
    );
    return rows;
  }

  /** Starts or extends the cooldown of a host, for all workers. */
  async setCooldown(host: string, seconds: number): Promise<void> {
    await sql`
      insert into nft_metadata.metadata_hosts as host (host, cooldown_until)
      values (${host}, now() + ${seconds} * interval '1 second')
      on conflict (host) do update set cooldown_until = greatest(host.cooldown_until, excluded.cooldown_until)`.execute(
      this.em.fork().getKysely(),
    );
  }

  /** Makes items due now: the next worker need not wait for the lease to expire. */
  async release(tokens: readonly ClaimedToken[]): Promise<void> {
    const items = tokens.flatMap((token) => token.items);
    if (items.length === 0) return;
    await sql`
      with locked as (
        select id from nft_metadata.refresh_items where id = any(${items.map(({ id }) => id)}::bigint[]) order by id for update
      )
      update nft_metadata.refresh_items as item
      set due_at = now(), release_count = item.release_count + 1
      from unnest(
        ${items.map(({ id }) => id)}::bigint[], ${items.map(({ claimCount }) => claimCount)}::int[]
      ) as held (id, claim_count)
      where item.id = any(array(select id from locked))
        and item.id = held.id and item.claim_count = held.claim_count and item.status = 'pending'`.execute(
      this.em.fork().getKysely(),
    );
  }
}

type ClaimedRow = ClaimedItem & Omit<ClaimedToken, 'items'> & { lanes: number; isLaneFull: boolean };

/** Groups rows by token. The newest item comes first: its refresh has the latest source of the metadata. */
function coalesceByToken(rows: readonly ClaimedRow[]): ClaimedToken[] {
  const rowsOfTokens = new Map<string, ClaimedRow[]>();
  for (const row of rows) {
    const key = `${row.collectionId}/${row.tokenId}`;
    const others = rowsOfTokens.get(key);
    if (others) others.push(row);
    else rowsOfTokens.set(key, [row]);
  }
  return [...rowsOfTokens.values()].map((ofToken) => {
    const newest = ofToken.reduce((one, other) => (BigInt(other.id) > BigInt(one.id) ? other : one));
    const { collectionId, tokenId, source, host, hostLimit, fetchSeq } = newest;
    const priority = Math.min(...ofToken.map((row) => row.priority));
    const items = [newest, ...ofToken.filter((row) => row !== newest)].map(
      ({ id, refreshId, claimCount, attemptCount, releaseCount }) => ({
        id,
        refreshId,
        claimCount,
        attemptCount,
        releaseCount,
      }),
    );
    return { collectionId, tokenId, source, host, hostLimit, fetchSeq, priority, items };
  });
}

function toRow(result: ItemResult) {
  const row = { id: result.item.id, claim_count: result.item.claimCount };
  switch (result.status) {
    case 'succeeded':
      return { ...row, status: 'succeeded' };
    case 'retry':
      return { ...row, status: 'pending', delay_seconds: result.delaySeconds };
    case 'failed':
      return {
        ...row,
        status: 'failed',
        metadata_url: result.error.metadataUrl,
        status_code: result.error.statusCode,
        body: result.error.body,
        error_code: result.error.errorCode,
        reason: result.error.reason,
      };
  }
}

function toAttemptRows({ item, token, requests }: ItemResult) {
  return requests.map((request) => ({
    item_id: item.id,
    collection_id: token.collectionId,
    url: request.url,
    outcome: request.outcome,
    status_code: request.statusCode,
    reason: request.reason,
    duration_ms: request.durationMs,
    bytes: request.bytes,
  }));
}
