import { uuidArray } from '@app/database';
import { EntityManager } from '@mikro-orm/postgresql';
import { Injectable } from '@nestjs/common';
import { sql } from 'kysely';

/** The record of a collection that is being read from its contract. */
export interface ClaimedCollection {
  collectionId: string;
  /** Since its last request, this one included. */
  attempts: number;
  /** Identifies the claim: when it was made. */
  claim: string;
}

/** How far the last request for the record of a collection has come. */
export interface CollectionRefreshState {
  /** When it is read next; null: nothing waits. */
  dueAt: Date | null;
  /** When it was read last; null: never. */
  attemptedAt: Date | null;
  /** Why that failed; null: it did not. */
  lastError: string | null;
}

/** After a crash, the collection is due again. Longer than an attempt may take. */
const LEASE_SECONDS = 60;
/** Between two attempts for requests and events: whoever emits events or sends requests decides how many there are. */
const MIN_INTERVAL_SECONDS = 60;

/** Collections whose records are to be read from their contracts. What is requested again while it waits is read once. */
@Injectable()
export class CollectionRefreshQueue {
  constructor(private readonly em: EntityManager) {}

  /** In the caller's transaction, if there is one. */
  async request(
    collectionIds: readonly string[],
    {
      delaySeconds = 0,
      em = this.em.fork(),
    }: { delaySeconds?: number | undefined; em?: EntityManager | undefined } = {},
  ): Promise<void> {
    if (collectionIds.length === 0) return;
    await sql`
      insert into nft_metadata.collection_refreshes as waiting (collection_id, requested_at, due_at)
      select id, now(), now() + ${delaySeconds}::float8 * interval '1 second'
      from unnest(${uuidArray([...new Set(collectionIds)].toSorted())}::uuid[]) as id
      on conflict (collection_id) do update
      set requested_at = now(), attempts = 0,
        due_at = least(
          waiting.due_at,
          greatest(excluded.due_at, waiting.attempted_at + ${MIN_INTERVAL_SECONDS} * interval '1 second')
        )`.execute(em.getKysely());
  }

  async find(collectionId: string): Promise<CollectionRefreshState> {
    const { rows } = await sql<{ [Name in keyof CollectionRefreshState]: CollectionRefreshState[Name] | string }>`
      select due_at as "dueAt", attempted_at as "attemptedAt", last_error as "lastError"
      from nft_metadata.collection_refreshes where collection_id = ${collectionId}::uuid`.execute(
      this.em.fork().getKysely(),
    );
    const { dueAt, attemptedAt, lastError } = rows[0] ?? { dueAt: null, attemptedAt: null, lastError: null };
    return {
      dueAt: dueAt === null ? null : new Date(dueAt),
      attemptedAt: attemptedAt === null ? null : new Date(attemptedAt),
      lastError: lastError as string | null,
    };
  }

  async claim(limit: number): Promise<ClaimedCollection[]> {
    const { rows } = await sql<ClaimedCollection>`
      update nft_metadata.collection_refreshes
      set attempted_at = now(), due_at = now() + ${LEASE_SECONDS} * interval '1 second', attempts = attempts + 1
      where collection_id = any(array(
        select collection_id from nft_metadata.collection_refreshes
        where due_at <= now()
        order by due_at
        limit ${limit}
        for no key update skip locked
      ))
      returning collection_id as "collectionId", attempts, attempted_at::text as claim`.execute(
      this.em.fork().getKysely(),
    );
    return rows;
  }

  /** An attempt that nobody had to wait for, in the caller's transaction. */
  async recordAttempt(em: EntityManager, collectionId: string, error: string | null): Promise<void> {
    await sql`
      insert into nft_metadata.collection_refreshes (collection_id, requested_at, attempted_at, last_error)
      select id, now(), now(), ${error} from nft_metadata.collections where id = ${collectionId}::uuid
      on conflict (collection_id) do update set attempted_at = now(), last_error = excluded.last_error, due_at = null`.execute(
      em.getKysely(),
    );
  }

  /**
   * In the caller's transaction. Another process has claimed the collection since: changes nothing. It was requested again meanwhile:
   * it is read once more.
   */
  async finish(
    em: EntityManager,
    { collectionId, claim }: ClaimedCollection,
    { retrySeconds, error }: { retrySeconds: number | null; error: string | null },
  ): Promise<void> {
    await sql`
      update nft_metadata.collection_refreshes
      set last_error = ${error},
        due_at = case
          when requested_at > attempted_at then attempted_at + ${MIN_INTERVAL_SECONDS} * interval '1 second'
          else now() + ${retrySeconds}::float8 * interval '1 second'
        end
      where collection_id = ${collectionId}::uuid and attempted_at = ${claim}::timestamptz`.execute(em.getKysely());
  }
}
