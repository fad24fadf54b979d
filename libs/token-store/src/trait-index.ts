import type { EntityManager } from '@mikro-orm/postgresql';
import { Injectable } from '@nestjs/common';
import { sql } from 'kysely';
import { isIndexed } from './metadata-change.js';
import type { Attribute } from './token-metadata.js';

interface Trait {
  /** Made from the next three fields, once, because a batch has thousands. */
  key: string;
  collectionId: string;
  traitType: string;
  value: string;
  number: string | null;
}

/**
 * Which tokens have which traits, and how many tokens each trait value has.
 * A value is one row of collection_traits; a token holds the ids of its values. A write adds the difference between the
 * old and the new values of its tokens to the counts, in key order, so that concurrent workers cannot deadlock.
 */
@Injectable()
export class TraitIndex {
  /** Returns the new trait ids of each token of a batch, in the order given. Does not change counts. */
  async idsOf(
    em: EntityManager,
    tokens: readonly { collectionId: string; attributes: readonly Attribute[] }[],
  ): Promise<string[][]> {
    const traitsOfTokens = tokens.map(({ collectionId, attributes }) => indexedTraits(collectionId, attributes));
    const ids = await this.knownIds(em, new Map(traitsOfTokens.flat().map((trait) => [trait.key, trait])));
    return traitsOfTokens.map((traits) => traits.map(({ key }) => ids.get(key)!).toSorted(byNumber));
  }

  /** Updates the counts. Call it late in a transaction: other batches of the collection wait for these rows. */
  async count(
    em: EntityManager,
    changes: readonly { oldTraitIds: readonly string[]; newTraitIds: readonly string[] }[],
  ): Promise<void> {
    const differences = new Map<string, number>();
    const add = (id: string, difference: number) => differences.set(id, (differences.get(id) ?? 0) + difference);
    for (const { oldTraitIds, newTraitIds } of changes) {
      for (const id of oldTraitIds) add(id, -1);
      for (const id of newTraitIds) add(id, 1);
    }
    await this.addToCounts(
      em,
      [...differences].filter(([, difference]) => difference !== 0),
    );
  }

  /** Returns the ids of these values, and inserts rows for new ones. */
  private async knownIds(em: EntityManager, wanted: ReadonlyMap<string, Trait>): Promise<Map<string, string>> {
    const traits = [...wanted.values()];
    if (traits.length === 0) return new Map();
    const ids = await this.findRows(em, traits);
    const missing = traits.filter(({ key }) => !ids.has(key));
    if (missing.length > 0) {
      await this.insertRows(em, missing);
      for (const [key, id] of await this.findRows(em, missing)) ids.set(key, id);
    }
    return ids;
  }

  private async findRows(em: EntityManager, traits: readonly Trait[]): Promise<Map<string, string>> {
    const { rows } = await sql<{ id: string; collectionId: string; traitType: string; value: string }>`
      select trait.id::text as id, trait.collection_id as "collectionId", trait.trait_type as "traitType", trait.value
      from unnest(
        ${traits.map(({ collectionId }) => collectionId)}::uuid[],
        ${traits.map(({ traitType }) => traitType)}::text[],
        ${traits.map(({ value }) => value)}::text[]
      ) as wanted (collection_id, trait_type, value)
      join nft_metadata.collection_traits as trait using (collection_id, trait_type, value)`.execute(em.getKysely());
    return new Map(rows.map((row) => [keyOf(row.collectionId, row.traitType, row.value), row.id]));
  }

  /** In key order, so that two workers that insert the same new values cannot deadlock. */
  private async insertRows(em: EntityManager, traits: readonly Trait[]): Promise<void> {
    await sql`
      insert into nft_metadata.collection_traits (collection_id, trait_type, value, value_number)
      select collection_id, trait_type, value, value_number
      from unnest(
        ${traits.map(({ collectionId }) => collectionId)}::uuid[],
        ${traits.map(({ traitType }) => traitType)}::text[],
        ${traits.map(({ value }) => value)}::text[],
        ${traits.map(({ number }) => number)}::numeric[]
      ) as missing (collection_id, trait_type, value, value_number)
      order by collection_id, trait_type, value
      on conflict (collection_id, trait_type, value) do nothing`.execute(em.getKysely());
  }

  private async addToCounts(em: EntityManager, differences: readonly (readonly [string, number])[]): Promise<void> {
    if (differences.length === 0) return;
    const ids = differences.map(([id]) => id);
    await sql`
      with locked as (
        select id from nft_metadata.collection_traits where id = any(${ids}::bigint[]) order by id for no key update
      )
      update nft_metadata.collection_traits as trait
      set token_count = trait.token_count + difference.amount
      from unnest(${ids}::bigint[], ${differences.map(([, amount]) => amount)}::int[]) as difference (id, amount)
      where trait.id = difference.id and trait.id = any(array(select id from locked))`.execute(em.getKysely());
  }
}

function indexedTraits(collectionId: string, attributes: readonly Attribute[]): Trait[] {
  const traits = new Map<string, Trait>();
  for (const { traitType, value, valueType } of attributes) {
    const text = String(value);
    if (!isIndexed({ traitType, value: text })) continue;
    const key = keyOf(collectionId, traitType, text);
    traits.set(key, { key, collectionId, traitType, value: text, number: valueType === 'number' ? text : null });
  }
  return [...traits.values()];
}

function keyOf(collectionId: string, traitType: string, value: string): string {
  return `${collectionId}/${traitType.length}:${traitType}${value}`;
}

function byNumber(a: string, b: string): number {
  return a.length - b.length || (a < b ? -1 : 1);
}
