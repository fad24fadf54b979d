import { EntityManager } from '@mikro-orm/postgresql';
import { Injectable } from '@nestjs/common';
import { sql } from 'kysely';
import type { BlockSpan } from './watch/block-span.js';

/** How far a chain has been read. */
export interface ChainCursor {
  /** The first block that was not read; null: none was. */
  nextBlock: number | null;
  /** null: as configured. */
  span: BlockSpan | null;
  /** The time of the database. */
  now: Date;
}

/** What one read of a chain has changed. */
export interface CursorAdvance {
  nextBlock: number;
  span: BlockSpan;
  headBlock: number;
}

/** Another process has taken over the chain. What this one was writing is undone. */
export class LeaseLost extends Error {
  constructor(chainId: number) {
    super(`Another process watches chain ${chainId} now.`);
  }
}

/** How long a process may read a chain without renewing its lease. */
const LEASE_SECONDS = 8;
/** A provider that raises its limit is noticed after this time. */
const SPAN_LIMIT_HOURS = 24;

/**
 * The cursors of chains, and the lease that lets one process at a time read each of them. A lease in a row, because a session lock does
 * not survive a connection pooler.
 */
@Injectable()
export class ChainCursors {
  constructor(private readonly em: EntityManager) {}

  /**
   * Takes the lease, or renews it; null: another process has it. Then no row is locked: it is the one that this process is working
   * with.
   */
  async acquire(chainId: number, owner: string): Promise<ChainCursor | null> {
    const { rows } = await sql<{
      nextBlock: string | null;
      blocks: number | null;
      limit: number | null;
      now: Date | string;
    }>`
      insert into nft_metadata.chain_cursors as cursor (chain_id, lease_owner, lease_until)
      select ${chainId}::bigint, ${owner}::uuid, now() + ${LEASE_SECONDS} * interval '1 second'
      where not exists (
        select from nft_metadata.chain_cursors
        where chain_id = ${chainId}::bigint and lease_owner <> ${owner}::uuid and lease_until > now()
      )
      on conflict (chain_id) do update set lease_owner = excluded.lease_owner, lease_until = excluded.lease_until
      where cursor.lease_owner = excluded.lease_owner or cursor.lease_until <= now()
      returning next_block::text as "nextBlock", span as blocks,
        case when span_limited_at > now() - ${SPAN_LIMIT_HOURS} * interval '1 hour' then span_limit end as "limit", now() as now`.execute(
      this.em.fork().getKysely(),
    );
    const [row] = rows;
    if (!row) return null;
    const { nextBlock, blocks, limit, now } = row;
    return {
      nextBlock: nextBlock === null ? null : Number(nextBlock),
      span: blocks === null ? null : { blocks, limit },
      now: new Date(now),
    };
  }

  /** Renews the lease. False: it is lost. */
  async renew(chainId: number, owner: string): Promise<boolean> {
    const { numAffectedRows = 0n } = await sql`
      update nft_metadata.chain_cursors set lease_until = now() + ${LEASE_SECONDS} * interval '1 second'
      where chain_id = ${chainId}::bigint and lease_owner = ${owner}::uuid`.execute(this.em.fork().getKysely());
    return numAffectedRows > 0n;
  }

  /** Other processes need not wait for the lease to expire. */
  async release(chainId: number, owner: string): Promise<void> {
    await sql`
      update nft_metadata.chain_cursors set lease_owner = null, lease_until = '-infinity'
      where chain_id = ${chainId}::bigint and lease_owner = ${owner}::uuid`.execute(this.em.fork().getKysely());
  }

  /** Moves the cursor in the caller's transaction, and renews the lease. Throws LeaseLost. */
  async advance(
    em: EntityManager,
    chainId: number,
    owner: string,
    { nextBlock, span, headBlock }: CursorAdvance,
  ): Promise<void> {
    const { numAffectedRows = 0n } = await sql`
      update nft_metadata.chain_cursors
      set next_block = ${nextBlock}::bigint, span = ${span.blocks}::integer, span_limit = ${span.limit}::integer,
        span_limited_at = case when ${span.limit}::integer is null then null
          when span_limit = ${span.limit}::integer then coalesce(span_limited_at, now()) else now() end,
        head_block = ${headBlock}::bigint, read_at = now(), failing_since = null, last_error = null,
        lease_until = now() + ${LEASE_SECONDS} * interval '1 second'
      where chain_id = ${chainId}::bigint and lease_owner = ${owner}::uuid`.execute(em.getKysely());
    if (numAffectedRows === 0n) throw new LeaseLost(chainId);
  }

  /** Why the chain cannot be read. */
  async recordFailure(chainId: number, owner: string, error: string): Promise<void> {
    await sql`
      update nft_metadata.chain_cursors set failing_since = coalesce(failing_since, now()), last_error = ${error}
      where chain_id = ${chainId}::bigint and lease_owner = ${owner}::uuid`.execute(this.em.fork().getKysely());
  }
}
