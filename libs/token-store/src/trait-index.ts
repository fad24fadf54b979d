import { bigintArray, integerArray, textArray, uuidArray } from '@app/database';
import { EntityManager } from '@mikro-orm/postgresql';
import { Injectable } from '@nestjs/common';
import { sql } from 'kysely';
import { isIndexed, traitKey } from './metadata-change.js';
import type { Attribute } from './token-metadata.js';
import { TraitIdCache } from './trait-id-cache.js';
import { TraitsDeleted } from './token-store.errors.js';

/** The attributes of one token. */
export interface TokenTraits {
  collectionId: string;
  attributes: readonly Attribute[];
}

interface Trait {
  /** Made from the next three fields, once, because a batch has thousands. */
  key: string;
  collectionId: string;
  traitType: string;
  value: string;
  number: string | null;
}

/** The trait ids of one token, ascending, before and after a write. */
export interface TraitChange {
  collectionId: string;
  before: readonly number[];
  after: readonly number[];
}

/**
 * Which tokens have which traits, and how many tokens each trait value has.
 * A value is one row of collection_traits; `token_search` holds the ids of a token's values. A write adds the difference
 * between the old and the new values of its tokens to the counts, in key order, so that concurrent workers cannot deadlock.
 */
@Injectable()
export class TraitIndex {
  /** Only of committed rows: the id of a row whose transaction is rolled back, or is open still, would be counted wrong. */
  private readonly cache = new TraitIdCache();
  /** The ids of tokens that `prepare` has looked up, by the attributes of the write. */
  private prepared = new WeakMap<readonly Attribute[], { collectionId: string; ids: number[] }>();

  constructor(private readonly em: EntityManager) {}

  /**
   * Looks up trait ids before the transaction that writes the tokens, and inserts rows for new values. They are committed at
   * once, so that other writers do not wait for the transaction, and their ids can be cached.
   */
  async prepare(tokens: readonly TokenTraits[]): Promise<void> {
    const traitsOfTokens = tokens.map(indexedTraits);
    const ids = new Map<string, number>();
    const unknown = new Map<string, Trait>();
    for (const traits of traitsOfTokens) {
      for (const trait of traits) {
        if (ids.has(trait.key) || unknown.has(trait.key)) continue;
        const id = this.cache.get(trait.key);
        if (id === undefined) unknown.set(trait.key, trait);
        else ids.set(trait.key, id);
      }
    }
    if (unknown.size > 0) {
      const found = await findOrInsert(this.em.fork(), [...unknown.values()]).catch(ignoreRemoved);
      for (const [key, id] of found) {
        ids.set(key, id);
        this.cache.set(key, id);
      }
    }
    for (const [index, { collectionId, attributes }] of tokens.entries()) {
      const found = idsOf(traitsOfTokens[index]!, ids);
      // Fewer: the collection is being removed.
      if (found.length === traitsOfTokens[index]!.length) this.prepared.set(attributes, { collectionId, ids: found });
    }
  }

  /** Returns the trait ids of each token of a batch, in the order given. Does not change counts. */
  async idsOf(em: EntityManager, tokens: readonly TokenTraits[]): Promise<number[][]> {
    const results = tokens.map(({ collectionId, attributes }) => {
      const prepared = this.prepared.get(attributes);
      return prepared?.collectionId === collectionId ? prepared.ids : null;
    });
    const unprepared = tokens.flatMap((token, index) =>
      results[index] ? [] : [{ index, traits: indexedTraits(token) }],
    );
    if (unprepared.length > 0) {
      const wanted = new Map(unprepared.flatMap(({ traits }) => traits).map((trait) => [trait.key, trait]));
      const ids = await findOrInsert(em, [...wanted.values()]);
      for (const { index, traits } of unprepared) results[index] = idsOf(traits, ids);
    }
    return results as number[][];
  }

  /**
   * Updates the counts. Call it late in a transaction: other batches of the collection wait for these rows. Throws
   * TraitsDeleted when a value that a token now has is gone; roll back and write again.
   */
  async count(em: EntityManager, changes: readonly TraitChange[]): Promise<void> {
    const differences = new Map<number, { collectionId: string; amount: number }>();
    for (const { collectionId, before, after } of changes) {
      const add = (id: number, amount: number) => {
        const difference = differences.get(id);
        if (difference) difference.amount += amount;
        else differences.set(id, { collectionId, amount });
      };
      for (const id of before) add(id, -1);
      for (const id of after) add(id, 1);
    }
    const moved = [...differences].filter(([, { amount }]) => amount !== 0).toSorted(([one], [other]) => one - other);
    if (moved.length === 0) return;
    const ids = bigintArray(moved.map(([id]) => id));
    const { numAffectedRows } = await sql`
      with locked as (
        select id from nft_metadata.collection_traits where id = any(${ids}::bigint[]) order by id for no key update
      )
      update nft_metadata.collection_traits as trait
      -- A count that is wrong must not keep a token from being written; a recount corrects it.
      set token_count = greatest(0, trait.token_count + difference.amount)
      from unnest(${ids}::bigint[], ${integerArray(moved.map(([, { amount }]) => amount))}::int[]) as difference (id, amount)
      where trait.id = difference.id and trait.id = any(array(select id from locked))`.execute(em.getKysely());
    if (numAffectedRows === BigInt(moved.length)) return;
    await this.rejectDeleted(
      em,
      moved.filter(([, { amount }]) => amount > 0).map(([id, { collectionId }]) => ({ id, collectionId })),
    );
  }

  /** Removing a collection deletes its traits before its tokens: those need no counts. */
  private async rejectDeleted(
    em: EntityManager,
    counted: readonly { id: number; collectionId: string }[],
  ): Promise<void> {
    const { rows } = await sql`
      select counted.id
      from unnest(
        ${bigintArray(counted.map(({ id }) => id))}::bigint[],
        ${uuidArray(counted.map(({ collectionId }) => collectionId))}::uuid[]
      ) as counted (id, collection_id)
      join nft_metadata.collections as collection on collection.id = counted.collection_id
      where collection.removed_at is null
        and not exists (select from nft_metadata.collection_traits as trait where trait.id = counted.id)`.execute(
      em.getKysely(),
    );
    if (rows.length === 0) return;
    this.cache.clear();
    this.prepared = new WeakMap();
    throw new TraitsDeleted(rows.length);
  }
}

/** The ids of these values. Those of a collection that is gone are missing. */
async function findOrInsert(em: EntityManager, traits: readonly Trait[]): Promise<Map<string, number>> {
  if (traits.length === 0) return new Map();
  const ids = await findRows(em, traits);
  const missing = traits.filter(({ key }) => !ids.has(key));
  if (missing.length > 0) {
    await insertRows(em, missing);
    for (const [key, id] of await findRows(em, missing)) ids.set(key, id);
  }
  return ids;
}

async function findRows(em: EntityManager, traits: readonly Trait[]): Promise<Map<string, number>> {
  const { rows } = await sql<{ id: string; place: number }>`
    select trait.id::text as id, wanted.place::int as place
    from unnest(
      ${uuidArray(traits.map(({ collectionId }) => collectionId))}::uuid[],
      ${textArray(traits.map(({ traitType }) => traitType))}::text[],
      ${textArray(traits.map(({ value }) => value))}::text[]
    ) with ordinality as wanted (collection_id, trait_type, value, place)
    cross join lateral (
      -- One look-up for each value. In place of a join, which goes through the values of all collections where it takes them for few.
      select id from nft_metadata.collection_traits
      where collection_id = wanted.collection_id and trait_type = wanted.trait_type and value = wanted.value offset 0
    ) as trait`.execute(em.getKysely());
  return new Map(rows.map(({ id, place }) => [traits[place - 1]!.key, Number(id)]));
}

/** In key order, so that two workers that insert the same new values cannot deadlock. */
async function insertRows(em: EntityManager, traits: readonly Trait[]): Promise<void> {
  await sql`
    insert into nft_metadata.collection_traits (collection_id, trait_type, value, value_number)
    select missing.collection_id, missing.trait_type, missing.value, missing.value_number
    from unnest(
      ${uuidArray(traits.map(({ collectionId }) => collectionId))}::uuid[],
      ${textArray(traits.map(({ traitType }) => traitType))}::text[],
      ${textArray(traits.map(({ value }) => value))}::text[],
      ${textArray(traits.map(({ number }) => number))}::text[]::numeric[]
    ) as missing (collection_id, trait_type, value, value_number)
    -- The collection may be removed while its tokens are fetched.
    where exists (select from nft_metadata.collections as collection where collection.id = missing.collection_id)
    order by 1, 2, 3
    on conflict (collection_id, trait_type, value) do nothing`.execute(em.getKysely());
}

/** Ascending. */
function idsOf(traits: readonly Trait[], ids: ReadonlyMap<string, number>): number[] {
  const found = traits.map(({ key }) => ids.get(key)).filter((id) => id !== undefined);
  return found.sort((one, other) => one - other);
}

/** A collection that is deleted while its traits are inserted: the tokens are gone as well. */
function ignoreRemoved(error: unknown): Map<string, number> {
  if (error instanceof Error && 'code' in error && error.code === '23503') return new Map();
  throw error;
}

function indexedTraits({ collectionId, attributes }: TokenTraits): Trait[] {
  const traits = new Map<string, Trait>();
  for (const { traitType, value, valueType } of attributes) {
    const trait = { traitType, value: String(value) };
    if (!isIndexed(trait)) continue;
    const key = `${collectionId}/${traitKey(trait)}`;
    traits.set(key, { ...trait, key, collectionId, number: valueType === 'number' ? trait.value : null });
  }
  return [...traits.values()];
}
