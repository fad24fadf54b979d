import { EntityManager } from '@mikro-orm/postgresql';
import { inTransaction } from '@app/database';
import type { MetadataLocation } from '@app/metadata-fetch';
import { Inject, Injectable } from '@nestjs/common';
import { sql } from 'kysely';
import {
  LANES_PER_CLAIM,
  lockLanes,
  readDueChunks,
  writeClaim,
  type ClaimedPart,
  type DueChunkRow,
  type LockedLane,
} from './chunk-claim.js';
import { planClaim, type DividedChunk } from './claim-plan.js';
import type { ClaimedItem, ClaimedToken } from './claimed-token.js';
import type { HostDemand } from './host-demand.js';
import { METADATA_REFRESH_CONFIG, type MetadataRefreshConfig } from '../metadata-refresh.options.js';
import { traceClaim, type ClaimedRefresh, type ClaimTrace } from '../refresh-trace.js';
import { compareTokenIds } from '../token-id-order.js';

export interface Claim {
  tokens: ClaimedToken[];
  /** The lanes that the claim has served, by their ids. */
  laneIds: number[];
  /** The claim served its maximum of lanes: others may have due tokens as well. */
  mayHaveLeftLanes: boolean;
  /** Hosts that may have more due tokens. */
  fullHosts: ReadonlySet<string>;
  /** Some tokens are being fetched for another refresh: they are due again after DEFERRAL_SECONDS. */
  hasDeferred: boolean;
  /** Tokens whose last claim was lost, and which this claim has taken or made due. */
  lostTokens: number;
}

/** Where the tokens of a refresh are fetched from, as it was when the refresh was accepted. */
export interface RefreshSource {
  source: MetadataLocation;
  /** The number of the acceptance. */
  acceptedSeq: string;
}

/** The NOTIFY channel on which an accepted refresh wakes idle workers. */
export const REFRESH_CHANNEL = 'nft_metadata_refresh';
/** The payload on this channel when the refresh is interactive; empty for all others. */
export const INTERACTIVE = 'interactive';

/** The chunk rows are the queue: claims and releases. `Completion` writes results, and `RefreshSweep` cancels. */
@Injectable()
export class RefreshQueue {
  constructor(
    private readonly em: EntityManager,
    @Inject(METADATA_REFRESH_CONFIG) private readonly config: MetadataRefreshConfig,
  ) {}

  /**
   * Claims due tokens, lane by lane, the least recently served lane first, and at most the demand of each host. Hosts that are
   * not in the list are new to this worker; hosts in cooldown are skipped. The lanes share the batch, and the large, small and
   * interactive requests of a lane share its part. Chunks are split to that: what does not fit stays due. A token of several
   * chunks is claimed once, for one fetch. A token in flight is not claimed again until its fetch is written, because a
   * refresh that was accepted after the start of that fetch needs a newer response. Then it is claimed for all refreshes that
   * wait for it, when the first of them has its turn.
   *
   * `limit` is the maximum number of tokens. With `onlyInteractive`, only interactive requests are claimed, also of new
   * hosts; such a claim may run concurrently with another one.
   *
   * A claim moves due_at one lease ahead, so the chunks of a worker that died are due again by themselves.
   */
  async claim(
    demand: readonly HostDemand[],
    { onlyInteractive = false, limit = this.config.claimBatchSize } = {},
  ): Promise<Claim> {
    const { leaseSeconds, hostConcurrency, maxLostClaims } = this.config;
    const startedAt = Date.now();
    const claimed = await inTransaction(this.em, async (em) => {
      // JIT off: the planner does not know how early the limits end the search, and would compile a statement of milliseconds
      // for more than a second. The timeout: a process that freezes here must not keep its lanes locked.
      await sql`
        select set_config('jit', 'off', true), set_config('idle_in_transaction_session_timeout', '10s', true)`.execute(
        em.getKysely(),
      );
      const lanes = await lockLanes(em, demand, { onlyInteractive, limit, hostConcurrency });
      if (lanes.length === 0) return null;
      const chunks = await readDueChunks(em, lanes);
      const divided = lanes.flatMap((lane) =>
        planClaim(
          chunks.filter(({ laneId }) => laneId === lane.id),
          lane.room,
          maxLostClaims,
        ),
      );
      return { lanes, chunks, divided, parts: await writeClaim(em, divided, leaseSeconds) };
    });
    if (!claimed) return NOTHING;
    const { lanes, chunks, divided, parts } = claimed;
    const traces = traceClaim(parts.map(toClaimedRefresh), startedAt);
    return {
      tokens: toTokens(lanes, parts, traces),
      laneIds: lanes.map(({ id }) => id),
      mayHaveLeftLanes: lanes.length === LANES_PER_CLAIM,
      fullHosts: fullHosts(
        lanes,
        chunks.filter(({ isJoining }) => !isJoining),
        divided.filter(({ chunk }) => !chunk.isJoining),
      ),
      hasDeferred: divided.some(({ parts: all }) => all.some(({ state }) => state === 'deferred')),
      lostTokens: sum(divided.map(({ chunk }) => chunk).filter(({ isLost }) => isLost)),
    };
  }

  /** Makes tokens due now: the next worker need not wait for the lease to expire. Tokens that are not claimed any more are left out. */
  async release(tokens: readonly ClaimedToken[]): Promise<void> {
    const chunks = claimedChunks(tokens);
    if (chunks.length === 0) return;
    const ids = chunks.map(({ item }) => item.chunkId);
    await sql`
      with releasing as materialized (
        select id, claim_count, released_ids::numeric[] as released_ids
        from unnest(
          ${ids}::bigint[], ${chunks.map(({ item }) => item.claimCount)}::int[],
          ${chunks.map(({ tokenIds }) => `{${tokenIds.toSorted(compareTokenIds).join(',')}}`)}::text[]
        ) as releasing (id, claim_count, released_ids)
      ), locked as materialized (
        select chunk.*, releasing.released_ids
        from nft_metadata.refresh_chunks as chunk
        join releasing on releasing.id = chunk.id and releasing.claim_count = chunk.claim_count
        where chunk.id = any(${ids}::bigint[]) and chunk.is_claimed
        order by chunk.id
        for update of chunk
      ), divided as materialized (
        select *, array(select id from unnest(token_ids) as id where id = any(released_ids)) as due_ids,
          array(select id from unnest(token_ids) as id where id <> all(released_ids)) as kept_ids
        from locked
      ), released as (
        update nft_metadata.refresh_chunks set due_at = now(), is_claimed = false
        where id = any(array(select id from divided where kept_ids = '{}'))
      ), shortened as (
        update nft_metadata.refresh_chunks as chunk set token_ids = divided.kept_ids
        from divided
        where chunk.id = any(array(select id from divided where kept_ids <> '{}' and due_ids <> '{}'))
          and chunk.id = divided.id
      )
      insert into nft_metadata.refresh_chunks
        (refresh_id, lane_id, priority, due_at, is_paused, lost_count, attempt_count, token_ids)
      select refresh_id, lane_id, priority, now(), is_paused, lost_count, attempt_count, due_ids
      from divided where kept_ids <> '{}' and due_ids <> '{}'`.execute(this.em.fork().getKysely());
  }

  /** The sources of these refreshes by their ids, without those that are deleted, and those that fetched nothing. */
  async findSources(refreshIds: readonly string[]): Promise<Map<string, RefreshSource>> {
    const { rows } = await sql<RefreshSource & { id: string }>`
      select id::text as id, source, accepted_seq::text as "acceptedSeq" from nft_metadata.refreshes where id = any(${refreshIds}::uuid[])
        and trigger not in ('push', 'restore')`.execute(this.em.fork().getKysely());
    return new Map(rows.map(({ id, ...source }) => [id, source]));
  }

  /** Starts or extends the cooldown of a host, for all workers. */
  async setCooldown(host: string, seconds: number, reason: string): Promise<void> {
    await sql`
      with before as materialized (
        -- Locked: of several responses at the same moment, one begins the cooldown, and the others see it.
        select cooldown_until > now() as is_running from nft_metadata.metadata_hosts where host = ${host} for no key update
      ), saved as (
        insert into nft_metadata.metadata_hosts as host (host, cooldown_until)
        select ${host}::text, now() + ${seconds} * interval '1 second' from (select count(*) from before) as locked
        on conflict (host) do update set cooldown_until = greatest(host.cooldown_until, excluded.cooldown_until)
        returning cooldown_until
      )
      insert into nft_metadata.host_cooldowns (host, started_at, until_at, reason)
      select ${host}, now(), cooldown_until, ${reason} from saved where not exists (select from before where is_running)`.execute(
      this.em.fork().getKysely(),
    );
  }
}

const NOTHING: Claim = {
  tokens: [],
  laneIds: [],
  mayHaveLeftLanes: false,
  fullHosts: new Set(),
  hasDeferred: false,
  lostTokens: 0,
};

/**
 * Hosts with a lane that may have more due tokens: the claim has filled its room, has left tokens out, or has read as many tokens
 * of one size as fit into the room. Those may be in flight, or the same few tokens of many refreshes.
 */
function fullHosts(
  lanes: readonly LockedLane[],
  due: readonly DueChunkRow[],
  divided: readonly DividedChunk<DueChunkRow>[],
): Set<string> {
  const isFull = (lane: LockedLane) => {
    const parts = divided.filter(({ chunk }) => chunk.laneId === lane.id).flatMap((of) => of.parts);
    const read = Map.groupBy(
      due.filter(({ laneId }) => laneId === lane.id),
      ({ priority }) => priority,
    );
    return (
      sum(parts.filter(({ state }) => state === 'claimed')) >= lane.room ||
      parts.some(({ state }) => state === 'due') ||
      [...read.values()].some((chunks) => sum(chunks) >= lane.room)
    );
  };
  return new Set(lanes.filter(isFull).map(({ host }) => host));
}

function sum(parts: readonly { tokenIds: readonly string[] }[]): number {
  return parts.reduce((tokens, { tokenIds }) => tokens + tokenIds.length, 0);
}

/** The tokens of all claimed parts, in turns from the lanes and, within a lane, from the sizes of requests. */
function toTokens(
  lanes: readonly LockedLane[],
  parts: readonly ClaimedPart[],
  traces: ReadonlyMap<string, ClaimTrace>,
): ClaimedToken[] {
  const turns = lanes.flatMap((lane) => {
    const ofLane = parts.filter(({ chunk }) => chunk.laneId === lane.id);
    return [...Map.groupBy(coalesceByToken(lane, ofLane, traces), ({ priority }) => priority)];
  });
  const inOrder = turns.toSorted(([one], [other]) => one - other).map(([, tokens]) => tokens);
  return interleave(inOrder);
}

/** All chunks that wait for a token share its fetch. */
function coalesceByToken(
  { host, hostLimit, fetchSeq }: LockedLane,
  parts: readonly ClaimedPart[],
  traces: ReadonlyMap<string, ClaimTrace>,
): ClaimedToken[] {
  const waiting = new Map<string, { tokenId: string; parts: ClaimedPart[] }>();
  for (const part of parts) {
    for (const tokenId of part.tokenIds) {
      // What is staged is fetched apart from what is shown: it may have another source.
      const key = `${part.chunk.revealId ?? ''}/${part.chunk.collectionId}/${tokenId}`;
      const same = waiting.get(key);
      if (same) same.parts.push(part);
      else waiting.set(key, { tokenId, parts: [part] });
    }
  }
  // One object for all tokens of a chunk.
  const items = new Map(parts.map((part) => [part, toItem(part, traces.get(part.chunk.refreshId))]));
  return [...waiting.values()].map(({ tokenId, parts: ofToken }) => {
    ofToken.sort((one, other) => (BigInt(one.chunk.acceptedSeq) < BigInt(other.chunk.acceptedSeq) ? 1 : -1));
    // The newest refresh has the latest source of the metadata.
    const { collectionId, source, revealId } = ofToken[0]!.chunk;
    const priority = Math.min(...ofToken.map(({ chunk }) => chunk.priority));
    return {
      collectionId,
      tokenId,
      source,
      host,
      hostLimit,
      priority,
      fetchSeq,
      ...(revealId !== null && { revealId }),
      items: ofToken.map((part) => items.get(part)!),
    };
  });
}

function toItem(
  { chunk, chunkId, claimCount, lostCount }: ClaimedPart,
  claimTrace: ClaimTrace | undefined,
): ClaimedItem {
  const { refreshId, trigger, acceptedSeq, attemptCount } = chunk;
  const item = { chunkId, refreshId, trigger, acceptedSeq, claimCount, attemptCount, lostCount };
  return claimTrace ? { ...item, trace: claimTrace } : item;
}

function toClaimedRefresh({ chunk: { refreshId, traceparent }, tokenIds }: ClaimedPart): ClaimedRefresh {
  return { refreshId, traceparent, tokens: tokenIds.length };
}

function interleave<T>(lists: readonly (readonly T[])[]): T[] {
  const longest = Math.max(0, ...lists.map(({ length }) => length));
  return Array.from({ length: longest }, (_, turn) => lists.flatMap((list) => list.slice(turn, turn + 1))).flat();
}

/** The tokens of each claimed chunk. */
function claimedChunks(tokens: readonly ClaimedToken[]): { item: ClaimedItem; tokenIds: string[] }[] {
  const chunks = new Map<string, { item: ClaimedItem; tokenIds: string[] }>();
  for (const { tokenId, items } of tokens) {
    for (const item of items) {
      const key = `${item.chunkId}/${item.claimCount}`;
      const chunk = chunks.get(key);
      if (chunk) chunk.tokenIds.push(tokenId);
      else chunks.set(key, { item, tokenIds: [tokenId] });
    }
  }
  return [...chunks.values()];
}
