import type { EntityManager } from '@mikro-orm/postgresql';
import { sql, type RawBuilder } from 'kysely';
import { InvalidTraitRange } from '../token-store.errors.js';

/** A range of numbers of one trait type. Bounds are exact decimal text, and all that are given must hold. */
export interface TraitRange {
  traitType: string;
  atLeast?: string | undefined;
  above?: string | undefined;
  atMost?: string | undefined;
  below?: string | undefined;
}

/** Filters for tokens. All of them must hold. */
export interface TokenFilters {
  /** Per trait type, any of these values (text form: `5`, `true`). */
  traits?: Readonly<Record<string, readonly string[]>>;
  ranges?: readonly TraitRange[];
  /** Part of the name, without regard to case. */
  nameContains?: string | undefined;
}

/** A filter by trait, as the ids of the values that pass it. */
export interface TraitCondition {
  /** Empty: more than `MAX_IDS` values pass, and only `check` can be used. */
  ids: readonly string[];
  /** Tokens with these values; a token with two of them counts twice. Infinity when `ids` is empty. */
  tokens: number;
  /** A condition on a row with `trait_ids`. */
  check: RawBuilder<unknown>;
  /** Cost of `check`, as a multiple of the cost for one id. */
  cost: number;
}

/** Values of one filter that are turned into ids. */
const MAX_IDS = 1000;
/** With up to this many ids, each is compared with the ids of a row. */
const MAX_IDS_COMPARED = 32;

/** With it, the planner reads the range from the index; without, it may read all traits until it has enough of them. */
const IN_ORDER_OF_NUMBERS = sql`order by trait.value_number`;

export function hasFilters({ traits = {}, ranges = [], nameContains }: TokenFilters): boolean {
  return Object.keys(traits).length > 0 || ranges.length > 0 || Boolean(nameContains);
}

/** null: no token has any of the values of one filter. Throws InvalidTraitRange. */
export async function resolveConditions(
  em: EntityManager,
  collectionId: string | null,
  { traits = {}, ranges = [] }: TokenFilters,
): Promise<TraitCondition[] | null> {
  const isOneOf = Object.entries(traits).map(
    ([traitType, values]) => sql`trait.trait_type = ${traitType} and trait.value = any(${values}::text[])`,
  );
  const wanted = [...isOneOf, ...ranges.map(isWithin)];
  if (wanted.length === 0) return [];

  // The index of the values of all collections has the first condition.
  const scope = collectionId === null ? sql`trait.id <> 0` : sql`trait.collection_id = ${collectionId}::uuid`;
  const lookUps = wanted.map(
    (isWanted, index) => sql`
      select ${index}::int as index, coalesce(array_agg(id::text), '{}') as ids,
        coalesce(sum(token_count), 0)::float8 as tokens
      from (
        select trait.id, trait.token_count from nft_metadata.collection_traits as trait
        where ${scope} and ${isWanted} and trait.token_count > 0
        ${index < isOneOf.length ? sql`` : IN_ORDER_OF_NUMBERS}
        limit ${MAX_IDS + 1}
      ) as found`,
  );
  const { rows } = await sql<{ index: number; ids: string[]; tokens: number }>`${sql.join(
    lookUps,
    sql` union all `,
  )}`.execute(em.getKysely());
  if (rows.some(({ ids }) => ids.length === 0)) return null;
  return rows.map(({ index, ids, tokens }) =>
    ids.length > MAX_IDS
      ? { ids: [], tokens: Infinity, check: hasOneThat(wanted[index]!), cost: 30 }
      : { ids, tokens, ...checkOf(ids) },
  );
}

function checkOf(ids: readonly string[]): Pick<TraitCondition, 'check' | 'cost'> {
  if (ids.length === 1) return { check: sql`row.trait_ids @> ${ids}::bigint[]`, cost: 1 };
  if (ids.length <= MAX_IDS_COMPARED)
    return { check: sql`row.trait_ids && ${ids}::bigint[]`, cost: 1 + ids.length / 16 };
  // PostgreSQL builds a hash table of the list.
  return {
    check: sql`exists (select from unnest(row.trait_ids) as held (id) where held.id = any(${ids}::bigint[]))`,
    cost: 3,
  };
}

/** offset 0: without it the planner may read all values of the range for each row. */
function hasOneThat(isWanted: RawBuilder<unknown>): RawBuilder<unknown> {
  return sql`exists (
    select from unnest(row.trait_ids) as held (id)
    cross join lateral (select * from nft_metadata.collection_traits as trait where trait.id = held.id offset 0) as trait
    where ${isWanted}
  )`;
}

function isWithin({ traitType, atLeast, above, atMost, below }: TraitRange): RawBuilder<unknown> {
  const bounds = [
    ...bound(sql`>=`, atLeast),
    ...bound(sql`>`, above),
    ...bound(sql`<=`, atMost),
    ...bound(sql`<`, below),
  ];
  // The index contains only the values that are numbers.
  return sql.join([sql`trait.trait_type = ${traitType} and trait.value_number is not null`, ...bounds], sql` and `);
}

function bound(operator: RawBuilder<unknown>, number: string | undefined): RawBuilder<unknown>[] {
  if (number === undefined) return [];
  InvalidTraitRange.check(number);
  return [sql`trait.value_number ${operator} ${number}::numeric`];
}
