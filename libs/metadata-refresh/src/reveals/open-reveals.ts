import type { EntityManager } from '@mikro-orm/postgresql';
import { sql } from 'kysely';
import { lockReveal } from './reveal-reader.js';
import { RevealEnded } from './reveals.errors.js';

/** For `where` on `reveals`: whether it takes documents. */
const isOpen = sql`state = 'open' and job is null and expires_at > now()`;

/** What keeps the collection from another reveal, or from a revert. */
interface BusyReveal {
  id: string;
  /** It is published, and being reverted. */
  isReverting: boolean;
}

/**
 * Whoever creates or reverts a reveal of the collection has this lock until the end of its transaction, and looks for a busy reveal
 * afterwards: the two exclude each other, but no row of one stands in the way of the other.
 */
export async function lockReveals(em: EntityManager, collectionId: string): Promise<void> {
  await sql`
    select pg_advisory_xact_lock(hashtextextended('nft_metadata.collections reveals ' || ${collectionId}::text, 0))`.execute(
    em.getKysely(),
  );
}

/** A reveal of the collection that is open, or that is being reverted; null: there is none. Call `lockReveals` first. */
export async function findBusyReveal(em: EntityManager, collectionId: string): Promise<BusyReveal | null> {
  const { rows } = await sql<BusyReveal>`
    select id, state <> 'open' as "isReverting" from nft_metadata.reveals
    where collection_id = ${collectionId}::uuid and (state = 'open' or job is not null)
    order by state = 'open' desc limit 1`.execute(em.getKysely());
  return rows[0] ?? null;
}

/** Those of these reveals that still take documents: they are neither published, cancelled nor expired, nor being published. */
export async function findOpenReveals(em: EntityManager, revealIds: readonly string[]): Promise<Set<string>> {
  if (revealIds.length === 0) return new Set();
  const { rows } = await sql<{ id: string }>`
    select id from nft_metadata.reveals
    where id = any(${[...new Set(revealIds)]}::uuid[]) and ${isOpen}`.execute(em.getKysely());
  return new Set(rows.map(({ id }) => id));
}

/** Adds to the numbers of staged tokens. Call it after the refreshes are locked, in the transaction that stages the documents. */
export async function countStaged(em: EntityManager, staged: ReadonlyMap<string, number>): Promise<void> {
  if (staged.size === 0) return;
  // In the order of their ids, so that two transactions cannot deadlock.
  const ids = [...staged.keys()].toSorted();
  await sql`
    with locked as (
      select id from nft_metadata.reveals where id = any(${ids}::uuid[]) order by id for no key update
    )
    update nft_metadata.reveals as reveal set staged = reveal.staged + count.tokens
    from unnest(${ids}::uuid[], ${ids.map((id) => staged.get(id)!)}::int[]) as count (id, tokens)
    where reveal.id = count.id and reveal.id = any(array(select id from locked))`.execute(em.getKysely());
}

/**
 * Whether a retry of a refresh that staged documents stages its documents too, inside the transaction that accepts it. False: the reveal is
 * published, and the retry is a refresh like others. Throws RevealEnded when the documents of the reveal are gone, or are being published,
 * or when it is reverted: a retry would show what was taken back.
 */
export async function joinReveal(em: EntityManager, revealId: string): Promise<boolean> {
  const reveal = await lockReveal(em, { revealId });
  // Without a row: it had ended, and retention has deleted it.
  if (!reveal || reveal.state === 'published') return false;
  if (reveal.state !== 'staging' && reveal.state !== 'staged') throw new RevealEnded(reveal);
  await sql`
    update nft_metadata.reveals set blocked_at = null, blocked_reason = null where id = ${revealId}::uuid`.execute(
    em.getKysely(),
  );
  return true;
}

/** A refresh of each of these reveals is completed: the sweep looks at them at once. */
export async function wakeReveals(em: EntityManager, revealIds: readonly string[]): Promise<void> {
  if (revealIds.length === 0) return;
  const ids = [...new Set(revealIds)];
  await sql`
    with locked as (
      select id from nft_metadata.reveals where id = any(${ids}::uuid[]) order by id for no key update
    )
    update nft_metadata.reveals set due_at = now() where id = any(array(select id from locked)) and due_at > now()`.execute(
    em.getKysely(),
  );
}
