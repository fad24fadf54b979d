import { timestamp } from '@app/database';
import type { HoldEnd } from '@app/token-store';
import { EntityManager } from '@mikro-orm/postgresql';
import { readingFrom } from '@app/database';
import { Injectable } from '@nestjs/common';
import { sql, type RawBuilder } from 'kysely';
import { toPage, type Page, type PageRequest } from '../receipt/page.js';
import { isUuid } from '../uuid.js';
import { requiredTokens, type Reveal, type RevealReference } from './reveal.js';
import { RevealNotFound } from './reveals.errors.js';

/** A reveal with what only the service itself needs. */
export interface RevealRow extends Reveal {
  /** The current job; null: there is none. */
  job: 'publish' | 'revert' | null;
  /** Until when the revert that was requested holds the records; null: it does not. */
  revertHoldUntil: HoldEnd | null;
  /** Of the job, in a row. */
  failures: number;
  /** The time of the database. */
  now: string;
  /** Whether it has a time, and that has come. */
  isPublishDue: boolean;
}

/** Of the reveal as it is in the table. */
type StoredReveal = Omit<RevealRow, 'isReady' | 'revertHoldUntil'> & { revertHoldUntil: string | null };

/** For a statement on `reveals as reveal`, with `joinRefreshes`. */
const revealColumns = sql`
  reveal.id, reveal.project_id as "projectId", reveal.collection_id as "collectionId",
  reveal.collection_address as "collectionAddress", reveal.refresh_id as "refreshId",
  case
    when reveal.job = 'revert' then 'reverting'
    when reveal.state <> 'open' then reveal.state
    when reveal.job = 'publish' then 'publishing'
    when reveal.expires_at <= now() then 'expired'
    when refreshes.pending > 0 then 'staging'
    else 'staged'
  end as state,
  reveal.publish, ${timestamp('reveal.publish_at')} as "publishAt", reveal.min_succeeded::float8 as "minSucceeded",
  reveal.total, reveal.staged, refreshes.pending::int as pending,
  -- Two retries may have the same token.
  greatest(0, reveal.total - reveal.staged - refreshes.pending)::int as failed,
  reveal.job, reveal.failures, ${timestamp('now()')} as now, coalesce(reveal.publish_at <= now(), false) as "isPublishDue",
  case when reveal.blocked_at is not null then jsonb_build_object(
    'since', ${timestamp('reveal.blocked_at')}, 'reason', reveal.blocked_reason
  ) end as blocked,
  case when reveal.updated is not null then jsonb_build_object(
    'updated', reveal.updated, 'unchanged', reveal.unchanged, 'superseded', reveal.superseded, 'missing', reveal.missing
  ) end as outcome,
  reveal.revert_outcome || jsonb_build_object(
    'at', ${timestamp('reveal.reverted_at')}, 'refreshId', reveal.revert_refresh_id
  ) as reverted,
  case reveal.revert_hold_until when 'infinity' then 'forever' else ${timestamp('reveal.revert_hold_until')} end as "revertHoldUntil",
  ${timestamp('reveal.created_at')} as "createdAt", ${timestamp('reveal.expires_at')} as "expiresAt",
  ${timestamp('reveal.ended_at')} as "endedAt"`;

/** The tokens of a reveal that are pending in one of its refreshes: few rows, whatever the number of tokens. */
const joinRefreshes = sql`
  cross join lateral (
    select coalesce(sum(total - succeeded - failed - cancelled), 0) as pending
    from nft_metadata.refreshes where reveal_id = reveal.id
  ) as refreshes`;

/** Selects reveals of a project. */
export interface RevealListFilter {
  projectId?: string | undefined;
  collectionAddress?: string | undefined;
}

/** Reads reveals. */
@Injectable()
export class RevealReader {
  constructor(private readonly em: EntityManager) {}

  /** Throws RevealNotFound. */
  async get(reference: RevealReference, em = readingFrom(this.em)): Promise<RevealRow> {
    return found(await findReveal(em, reference), reference);
  }

  /** The same, and locks its row until the end of the caller's transaction. */
  async lock(em: EntityManager, reference: RevealReference): Promise<RevealRow> {
    return found(await lockReveal(em, reference), reference);
  }

  /** Of one project or of all, newest first. */
  async list({ limit, after, projectId, collectionAddress }: PageRequest & RevealListFilter): Promise<Page<RevealRow>> {
    const conditions = [sql`deleted_at is null`];
    if (projectId !== undefined) conditions.push(sql`project_id = ${projectId}`);
    if (collectionAddress) conditions.push(sql`collection_address = ${collectionAddress.toLowerCase()}`);
    if (after) conditions.push(sql`(created_at, id) < (${after.createdAt}::timestamptz, ${after.id}::uuid)`);
    const { rows } = await sql<StoredReveal>`
      select ${revealColumns}
      from (
        select * from nft_metadata.reveals where ${sql.join(conditions, sql` and `)}
        order by created_at desc, id desc
        limit ${limit + 1}
      ) as reveal ${joinRefreshes}
      order by reveal.created_at desc, reveal.id desc`.execute(readingFrom(this.em).getKysely());
    return toPage(rows.map(toReveal), limit);
  }

  /** The reveal that a refresh stages documents for; null: none, or it is deleted. */
  async findByRefresh(refreshId: string): Promise<RevealRow | null> {
    const { rows } = await sql<{ revealId: string | null }>`
      select reveal_id as "revealId" from nft_metadata.refreshes where id = ${refreshId}::uuid`.execute(
      this.em.fork().getKysely(),
    );
    const revealId = rows[0]?.revealId ?? null;
    return revealId === null ? null : findReveal(this.em.fork(), { revealId });
  }
}

function toReveal(stored: StoredReveal): RevealRow {
  const { pending, staged, revertHoldUntil: until } = stored;
  const isComplete = pending === 0 && staged >= requiredTokens(stored);
  const state = isComplete && isLate(stored) ? 'publishing' : stored.state;
  const isOpen = state === 'staging' || state === 'staged';
  const revertHoldUntil = until === null || until === 'forever' ? until : new Date(until);
  return { ...stored, state, revertHoldUntil, isReady: isOpen && isComplete };
}

/** It was to be published before it expired, when no process ran: the sweep does it now. Until then, it takes no documents. */
function isLate({ state, endedAt, publish, isPublishDue }: StoredReveal): boolean {
  return state === 'expired' && endedAt === null && (publish === 'when_complete' || isPublishDue);
}

/**
 * Locks the row of a reveal until the end of the transaction, and reads it in a second statement: after a wait, the first one would still
 * read its refreshes as they were before. null: there is none. Throws RevealNotFound for a malformed id.
 */
export async function lockReveal(em: EntityManager, reference: RevealReference): Promise<RevealRow | null> {
  await sql`select from nft_metadata.reveals as reveal where ${isReferenced(reference)} for no key update`.execute(
    em.getKysely(),
  );
  return findReveal(em, reference);
}

async function findReveal(em: EntityManager, reference: RevealReference): Promise<RevealRow | null> {
  const { rows } = await sql<StoredReveal>`
    select ${revealColumns} from nft_metadata.reveals as reveal ${joinRefreshes}
    where ${isReferenced(reference)}`.execute(em.getKysely());
  return rows[0] ? toReveal(rows[0]) : null;
}

function found(reveal: RevealRow | null, { revealId }: RevealReference): RevealRow {
  if (!reveal) throw new RevealNotFound(revealId);
  return reveal;
}

/** For a statement on `reveals as reveal`. */
function isReferenced({ revealId, projectId }: RevealReference): RawBuilder<unknown> {
  const project = projectId ?? null;
  return sql`reveal.id = ${parseRevealId(revealId)}::uuid and reveal.deleted_at is null
    and (${project}::text is null or reveal.project_id = ${project}::text)`;
}

/** Throws RevealNotFound for a malformed id. */
function parseRevealId(revealId: string): string {
  if (!isUuid(revealId)) throw new RevealNotFound(revealId);
  return revealId;
}
