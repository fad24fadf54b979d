import type { EntityManager } from '@mikro-orm/postgresql';
import { Injectable } from '@nestjs/common';
import { sql } from 'kysely';
import type { Attribute } from './token-metadata.js';

/** Longer than this is shown but not indexed: an index row has to fit a quarter of a page. */
const LONGEST_INDEXED = 500;

interface Move {
  collectionId: string;
  oldTraitIds: readonly string[];
  attributes: readonly Attribute[];
}

interface Trait {
  collectionId: string;
  traitType: string;
  value: string;
  number: string | null;
}

/**
 * Which tokens have which traits, and how many tokens each trait value has.
 * A value is one row of collection_traits; a token holds the ids of its values. Counts move by the difference between
 * a token's old and new values, in key order, so that any number of workers can do so at once without a deadlock.
 */
@Injectable()
export class TraitIndex {
  /** Move the counts for a batch of changed tokens, and say which trait ids each has now, in the order given. */
  async move(em: EntityManager, moves: readonly Move[]): Promise<string[][]> {
    const traitsOfMoves = moves.map(({ collectionId, attributes }) => indexedTraits(collectionId, attributes));
    const ids = await this.knownIds(em, new Map(traitsOfMoves.flat().map((trait) => [keyOf(trait), trait])));
    const newIdsOfMoves = traitsOfMoves.map((traits) =>
      traits.map((trait) => ids.get(keyOf(trait))!).toSorted(byNumber),
    );

    const differences = new Map<string, number>();
    const add = (id: string, difference: number) => differences.set(id, (differences.get(id) ?? 0) + difference);
    moves.forEach(({ oldTraitIds }, index) => {
      for (const id of oldTraitIds) add(id, -1);
      for (const id of newIdsOfMoves[index]!) add(id, 1);
    });
    await this.addToCounts(
      em,
      [...differences].filter(([, difference]) => difference !== 0),
    );
    return newIdsOfMoves;
  }

  /** The ids of these values; values seen for the first time become rows. */
  private async knownIds(em: EntityManager, wanted: ReadonlyMap<string, Trait>): Promise<Map<string, string>> {
    const traits = [...wanted.values()];
    if (traits.length === 0) return new Map();
    const ids = await this.findRows(em, traits);
    const missing = traits.filter((trait) => !ids.has(keyOf(trait)));
    if (missing.length > 0) {
      await this.insertRows(em, missing);
      for (const [key, id] of await this.findRows(em, missing)) ids.set(key, id);
    }
    return ids;
  }

  private async findRows(em: EntityManager, traits: readonly Trait[]): Promise<Map<string, string>> {
    const { rows } = await sql<Trait & { id: string }>`
      select trait.id, trait.collection_id as "collectionId", trait.trait_type as "traitType", trait.value
      from unnest(
        ${traits.map(({ collectionId }) => collectionId)}::uuid[],
        ${traits.map(({ traitType }) => traitType)}::text[],
        ${traits.map(({ value }) => value)}::text[]
      ) as wanted (collection_id, trait_type, value)
      join nft_metadata.collection_traits as trait using (collection_id, trait_type, value)`.execute(em.getKysely());
    return new Map(rows.map((row) => [keyOf(row), row.id]));
  }

  /** In key order: two workers that bring the same new values wait for each other in the same order. */
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
    if (traitType.length > LONGEST_INDEXED || text.length > LONGEST_INDEXED) continue;
    const trait = { collectionId, traitType, value: text, number: valueType === 'number' ? text : null };
    traits.set(keyOf(trait), trait);
  }
  return [...traits.values()];
}

function keyOf({ collectionId, traitType, value }: Pick<Trait, 'collectionId' | 'traitType' | 'value'>): string {
  return JSON.stringify([collectionId, traitType, value]);
}

function byNumber(a: string, b: string): number {
  return a.length - b.length || (a < b ? -1 : 1);
}
