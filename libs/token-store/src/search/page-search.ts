import { EntityManager } from '@mikro-orm/postgresql';
import { Injectable } from '@nestjs/common';
import { sql, type RawBuilder } from 'kysely';
import { inTransaction } from '@app/database';
import { collectionGram, searchedGrams, searchedName } from './name-key.js';
import type { PageOrder } from './page-cursor.js';
import { resolveConditions, type TokenFilters, type TraitCondition } from './trait-conditions.js';

/** One page of a list. */
export interface PageQuery {
  /**
   * With its schema. Has `id`, `collection_id` and the columns of the order, with an index for each order, alone and
   * behind `collection_id`; for filters also `trait_ids`, `name_key` and `name_grams` as `nft_metadata.token_search` has
   * them, with one GIN index over `trait_ids` and `name_grams`.
   */
  table: string;
  /** null: of all collections. */
  collectionId: string | null;
  order: PageOrder;
  filters: TokenFilters;
  /** Where the page before ended: the values of the order's columns. null: from the beginning. */
  after: readonly string[] | null;
  limit: number;
}

export interface FoundPage {
  /** In order. `position` is what a page begins behind. */
  rows: { id: string; position: string[] }[];
  /** Where to go on; null: that was all. There can be fewer rows than wanted, even none, and more to find behind them. */
  next: string[] | null;
}

/** Rows that are looked at in order before the index of traits and names is asked. */
const SHORT_WALK = 2000;
/**
 * And where that has not enough. With the next number it is what one page may cost at most: together they find whole pages
 * of a million rows, whose matches lie anywhere in the order.
 */
const LONG_WALK = 15_000;
/** Matches that are fetched and sorted. */
const MAX_MATCHES = 4000;
/** Beyond this many ids, one look-up for each is faster than one for all. */
const MAX_IDS_TOGETHER = 32;

/**
 * Finds pages by any filter in any order, in bounded work, in one of two ways:
 * - walk: read rows in order and keep those that match. Fast when many match.
 * - gather: take all matches from the index of traits and names, and sort them. Fast when few match.
 * How many tokens have a trait is known, so a rare one is gathered, and a common one walked for. What several filters have
 * in common is not known: a short walk finds much of it, gathering finds little of it. What is left is found by a longer
 * walk, which may end within the list: that page says where to go on. Statistics of the planner, which may be old,
 * decide nothing.
 */
@Injectable()
export class PageSearch {
  constructor(private readonly em: EntityManager) {}

  /** Throws InvalidTraitRange. */
  async find(query: PageQuery): Promise<FoundPage> {
    const { collectionId, filters } = query;
    const conditions = await resolveConditions(this.em.fork(), collectionId, filters);
    if (conditions === null) return { rows: [], next: null };
    const search = new Search(query, conditions);
    // The planner is told the way for one transaction, which reaches no other one, also behind a pooler.
    return inTransaction(this.em, (em) => search.run(em));
  }
}

type Row = FoundPage['rows'][number];

class Search {
  private readonly name: string | null;
  private readonly checks: RawBuilder<unknown>[];
  private readonly position: RawBuilder<unknown>;
  private readonly sorted: RawBuilder<unknown>;
  private readonly isBehind: RawBuilder<unknown>;

  constructor(
    private readonly query: PageQuery,
    private readonly conditions: readonly TraitCondition[],
  ) {
    const { filters, order, after } = query;
    this.name = filters.nameContains ? searchedName(filters.nameContains) : null;
    this.checks = [
      ...conditions.toSorted((one, other) => one.cost - other.cost).map(({ check }) => check),
      ...(this.name === null ? [] : [sql`position(${this.name}::text in row.name_key) > 0`]),
    ];
    const columns = order.columns.map(({ name }) => sql`row.${sql.ref(name)}`);
    const direction = sql.raw(order.direction);
    this.position = sql`array[${sql.join(columns.map((column) => sql`${column}::text`))}]`;
    this.sorted = sql.join(columns.map((column) => sql`${column} ${direction}`));
    this.isBehind = after
      ? sql`(${sql.join(columns)}) ${sql.raw(order.direction === 'asc' ? '>' : '<')} (${sql.join(
          order.columns.map(({ type }, at) => sql`${after[at]}::${sql.raw(type)}`),
        )})`
      : sql`true`;
  }

  async run(em: EntityManager): Promise<FoundPage> {
    const { limit } = this.query;
    if (this.checks.length === 0) return this.whole(await this.walk(em, limit + 1));

    const known = Math.min(...this.conditions.map(({ tokens }) => tokens));
    const isRare = known <= MAX_MATCHES;
    const isCommon = this.checks.length === 1 && known > MAX_MATCHES && known < Infinity;
    if (!isRare && !isCommon) {
      const rows = await this.walk(em, SHORT_WALK);
      if (rows.length > limit) return this.whole(rows);
    }
    const gathered = isCommon ? null : await this.gather(em);
    if (gathered) return this.whole(gathered);

    const length = Math.ceil(LONG_WALK / Math.max(1, this.conditions.reduce((sum, { cost }) => sum + cost, 0) / 3));
    const rows = await this.walk(em, length);
    if (rows.length > limit) return this.whole(rows);
    return { rows, next: await this.positionAfter(em, length) };
  }

  private whole(rows: Row[]): FoundPage {
    const { limit } = this.query;
    return { rows: rows.slice(0, limit), next: rows.length > limit ? rows[limit - 1]!.position : null };
  }

  /** Matches among the next `length` rows, at most one more than wanted. */
  private async walk(em: EntityManager, length: number): Promise<Row[]> {
    await this.plan(em, 'walk');
    const { rows } = await sql<Row>`
      select row.id::text as id, ${this.position} as position
      from (
        select * from ${this.table} as row where ${this.scope} and ${this.isBehind} order by ${this.sorted} limit ${length}
      ) as row
      where ${all(this.checks)}
      order by ${this.sorted}
      limit ${this.query.limit + 1}`.execute(em.getKysely());
    return rows;
  }

  /** Of the row that a walk of this length ends with; null: the list is shorter. */
  private async positionAfter(em: EntityManager, length: number): Promise<string[] | null> {
    await this.plan(em, 'walk');
    const { rows } = await sql<Pick<Row, 'position'>>`
      select ${this.position} as position from ${this.table} as row where ${this.scope} and ${this.isBehind}
      order by ${this.sorted} offset ${length - 1} limit 1`.execute(em.getKysely());
    return rows[0]?.position ?? null;
  }

  /** null: too many match, or nothing that is asked for is in the index. */
  private async gather(em: EntityManager): Promise<Row[] | null> {
    const matches = this.matches();
    if (!matches) return null;
    await this.plan(em, 'gather');
    const { rows } = await sql<{ count: number; id: string | null; position: string[] }>`
      with row as materialized (${matches} limit ${MAX_MATCHES + 1})
      select total.count, page.id, page.position
      from (select count(*)::int as count from row) as total
      left join (
        select row.id::text as id, ${this.position} as position from row
        where ${this.isBehind} order by ${this.sorted} limit ${this.query.limit + 1}
      ) as page on true`.execute(em.getKysely());
    if (rows[0]!.count > MAX_MATCHES) return null;
    return rows.flatMap(({ id, position }) => (id === null ? [] : [{ id, position }]));
  }

  /** From the index, whatever else there is: nothing here is a condition that another index has. */
  private matches(): RawBuilder<unknown> | null {
    const columns = sql.join(
      ['id', ...this.query.order.columns.map(({ name }) => name)]
        .filter(isFirst)
        .map((name) => sql`row.${sql.ref(name)}`),
    );
    const { collectionId } = this.query;
    const grams = this.name === null ? [] : searchedGrams(this.name);
    const together = this.conditions.filter(({ ids }) => ids.length > 0 && ids.length <= MAX_IDS_TOGETHER);
    const scope = collectionId === null ? [] : [sql`row.collection_id::text = ${collectionId}`];

    if (together.length > 0 || grams.length > 0) {
      const pieces = collectionId === null ? grams : [collectionGram(collectionId), ...grams];
      const inIndex = grams.length > 0 ? [sql`row.name_grams @> ${pieces}::integer[]`] : [];
      return sql`select ${columns} from ${this.table} as row where ${all([...inIndex, ...this.checks, ...scope])}`;
    }
    const [many] = this.conditions
      .filter(({ ids }) => ids.length > 0)
      .toSorted((one, other) => one.tokens - other.tokens);
    if (!many) return null;
    return sql`
      select distinct ${columns}
      from unnest(${many.ids}::bigint[]) as wanted (id)
      cross join lateral (select * from ${this.table} as row where row.trait_ids @> array[wanted.id] offset 0) as row
      where ${all([...this.checks, ...scope])}`;
  }

  /** Until the end of the transaction. */
  private async plan(em: EntityManager, way: keyof typeof WAYS): Promise<void> {
    await sql`select ${sql.join(
      Object.entries(WAYS[way]).map(([name, value]) => sql`set_config(${name}, ${value}, true)`),
    )}`.execute(em.getKysely());
  }

  private get table(): RawBuilder<unknown> {
    return sql.table(this.query.table);
  }

  private get scope(): RawBuilder<unknown> {
    const { collectionId } = this.query;
    return collectionId === null ? sql`true` : sql`row.collection_id = ${collectionId}::uuid`;
  }
}

const BOTH = { enable_seqscan: 'off', jit: 'off', max_parallel_workers_per_gather: '0' };
const WAYS = {
  walk: { ...BOTH, enable_sort: 'off', enable_bitmapscan: 'off', enable_indexscan: 'on', enable_indexonlyscan: 'on' },
  gather: { ...BOTH, enable_sort: 'on', enable_bitmapscan: 'on', enable_indexscan: 'off', enable_indexonlyscan: 'off' },
};

function all(conditions: readonly RawBuilder<unknown>[]): RawBuilder<unknown> {
  return conditions.length === 0 ? sql`true` : sql.join(conditions, sql` and `);
}

const isFirst = (name: string, at: number, names: readonly string[]) => names.indexOf(name) === at;
