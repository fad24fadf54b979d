import { EntityManager } from '@mikro-orm/postgresql';
import { Injectable } from '@nestjs/common';
import { sql, type RawBuilder } from 'kysely';
import { inSnapshot } from '@app/database';
import { collectionMarker, queryNgrams, searchText } from './name-key.js';
import type { PageOrder } from './page-cursor.js';
import { resolveConditions, type TokenFilters, type TraitCondition } from './trait-filter.js';

/** One page of a list. */
export interface PageQuery {
  /**
   * With its schema. Needs `id`, `collection_id`, the columns of the order, and an index for each order, alone and behind
   * `collection_id`. Filters also need `trait_ids`, `name_key` and `name_ngrams` as in `nft_metadata.token_search`, and
   * one GIN index over `trait_ids` and `name_ngrams`.
   */
  table: string;
  /** The condition of the orders' indexes, if they are partial. All rows meet it. */
  indexCondition?: RawBuilder<unknown>;
  /** null: all collections. */
  collectionId: string | null;
  order: PageOrder;
  filters: TokenFilters;
  /** The position at which the previous page ended: the values of the order's columns. null: from the beginning. */
  after: readonly string[] | null;
  limit: number;
  /** Entries of posting lists that an index lookup may read, as estimated; default 550,000. */
  maxPostings?: number;
}

/** One page of rows that match the filters. */
export interface FoundPage {
  /** In order. `position` is where the next page can begin. */
  rows: { id: string; position: string[] }[];
  /** Where to go on; null: this was the last page. There can be fewer rows than `limit`, even none, and more behind them. */
  next: string[] | null;
}

/** Rows that an index lookup reads from the table and sorts. */
const MAX_MATCHES = 4000;
/**
 * Rows that an ordered scan reads. With MAX_MATCHES it limits what a page costs: in a table of a million rows, a filter
 * with more matches than the lookup takes has 50 of them among 12,500 rows, if they lie anywhere in the order.
 */
const MAX_SCANNED = 12_500;
/** Tokens of the only trait in the index: with more, a lookup finds too many rows, even when a third of them is listed. */
const MAX_TOKENS_OF_ONE = MAX_MATCHES * 3;
/** Of all posting lists that are compared. An entry takes 40 ns, a plain page 4 ms. */
const MAX_POSTINGS = 550_000;
/** More than MAX_MATCHES by so much that the sample cannot be wrong by chance alone. */
const TOO_MANY_ESTIMATED = MAX_MATCHES * 1.5;
/** Blocks of the sample: 1,000 rows and more, in 2 ms. */
const SAMPLE_BLOCKS = 60;
/** With more ids than this, one lookup for each is faster than one for all. */
const MAX_IDS_TOGETHER = 32;
/** Or with more than this many comparisons: GIN compares each entry with the lists of all ids. */
const MAX_COMPARISONS = 2_000_000;

/**
 * Finds pages by any filter in any order with bounded work, in one of two ways:
 * - ordered scan: reads rows in the order of the page and keeps those that match. Fast when many match.
 * - index lookup: finds all matches in the GIN index of traits and names, and sorts them. Fast when few match.
 * The number of tokens with a trait is known, so one trait needs no estimate. For several filters, and for names, a random
 * sample of the table estimates how many rows match and how long the posting lists are. A scan may end before the page is
 * full; the page then says where to go on. Planner statistics, which may be old, decide nothing.
 */
@Injectable()
export class TokenSearch {
  constructor(private readonly em: EntityManager) {}

  /**
   * With `em`, in the transaction of the caller, who reads the rows in the same snapshot: `inSnapshot`. Its planner settings are then those
   * for rows that are found by their keys. Throws InvalidTraitRange.
   */
  async find(query: PageQuery, em?: EntityManager): Promise<FoundPage> {
    if (!em) return inSnapshot(this.em, (own) => this.find(query, own));
    const conditions = await resolveConditions(em, query.collectionId, query.filters);
    if (conditions === null) return { rows: [], next: null };
    const search = new Search(query, conditions);
    const found = await search.run(em);
    await search.planKeys(em);
    return found;
  }
}

type Row = FoundPage['rows'][number];

interface Estimate {
  /** Rows that an index lookup finds. */
  matches: number;
  /** Rows whose name passes; Infinity when the index cannot find it. */
  names: number;
  /** Entries of posting lists that an index lookup reads. */
  postings: number;
}

class Search {
  private readonly name: string | null;
  private readonly nameNgrams: number[];
  /** Conditions that the GIN index has, the rarest first. */
  private readonly indexed: TraitCondition[];
  private readonly nameCheck: RawBuilder<unknown>[];
  private readonly checks: RawBuilder<unknown>[];
  private readonly position: RawBuilder<unknown>;
  private readonly sorted: RawBuilder<unknown>;
  private readonly isBehind: RawBuilder<unknown>;
  private plannedFor: keyof typeof PLANNER_SETTINGS | null = null;

  constructor(
    private readonly query: PageQuery,
    private readonly conditions: readonly TraitCondition[],
  ) {
    const { collectionId, filters, order, after } = query;
    this.name = filters.nameContains ? searchText(filters.nameContains) : null;
    this.nameNgrams = this.name === null ? [] : queryNgrams(this.name);
    if (collectionId !== null && this.nameNgrams.length > 0) this.nameNgrams.push(collectionMarker(collectionId));
    this.indexed = conditions.filter(isIndexed).toSorted((one, other) => one.tokens - other.tokens);
    this.nameCheck = this.name === null ? [] : [sql`position(${this.name}::text in row.name_key) > 0`];
    this.checks = [
      ...conditions.toSorted((one, other) => one.cost - other.cost).map(({ check }) => check),
      ...this.nameCheck,
    ];
    const columns = order.columns.map(({ name }) => sql`row.${sql.ref(name)}`);
    const direction = sql.raw(order.direction);
    this.position = sql`array[${sql.join(columns.map((column) => sql`${column}::text`))}]`;
    this.sorted = sql.join(columns.map((column) => sql`${column} ${direction}`));
    this.isBehind = after
      ? sql`(${sql.join(columns)}) ${sql.raw(order.direction === 'asc' ? '>' : '<')} (${sql.join(
          order.columns.map(({ type }, index) => sql`${after[index]}::${sql.raw(type)}`),
        )})`
      : sql`true`;
  }

  async run(em: EntityManager): Promise<FoundPage> {
    if (this.checks.length === 0) return this.scan(em, this.query.limit + 1);
    const candidates = await this.chooseCandidates(em);
    const found = candidates && (await this.lookUp(em, candidates));
    if (found) return found;

    const cost = this.conditions.reduce((sum, condition) => sum + condition.cost, 0);
    return this.scan(em, Math.ceil(MAX_SCANNED / Math.max(1, cost / 3)));
  }

  /** The rows that an index lookup reads and then checks. null: an ordered scan is better. */
  private async chooseCandidates(em: EntityManager): Promise<RawBuilder<unknown> | null> {
    const [rarest] = this.conditions.toSorted((one, other) => one.tokens - other.tokens);
    if (rarest && rarest.tokens <= MAX_MATCHES) return this.withTrait(rarest);
    if (this.checks.length === 1 && rarest && rarest.tokens < Infinity) return null;
    if (this.nameNgrams.length === 0) {
      if (this.indexed.length === 0) return null;
      if (this.indexed.length === 1 && this.indexed[0]!.tokens > MAX_TOKENS_OF_ONE) return null;
    }

    const { matches, names, postings } = await this.estimate(em);
    if (names <= MAX_MATCHES / 2) return this.where([this.nameInIndex]);
    if (matches > TOO_MANY_ESTIMATED || postings > (this.query.maxPostings ?? MAX_POSTINGS)) return null;
    return this.where([
      ...this.indexed.map(({ ids }) => hasAnyOf(ids)),
      ...(this.nameNgrams.length > 0 ? [this.nameInIndex] : []),
    ]);
  }

  /**
   * From a random sample of the whole table, which is the same one for the same table, so it does not depend on the order.
   * GIN compares the first two lists, and the others where these two have a row in common. Lists of traits come first.
   */
  private async estimate(em: EntityManager): Promise<Estimate> {
    await this.plan(em, 'scan');
    const lists = this.indexed.slice(0, 2).map(({ check }) => sql`count(*) filter (where ${check})`);
    const { rows } = await sql<{ factor: number; matches: number; names: number; lists: number[] }>`
      with size as materialized (
        select greatest(1, pg_relation_size(${this.query.table}::text::regclass)
          / current_setting('block_size')::int / ${SAMPLE_BLOCKS}::float8) as factor
      )
      select (select factor from size) as factor, count(*) filter (where ${all([...this.indexed.map(({ check }) => check), ...this.nameCheck])})::float8 as matches,
        count(*) filter (where ${all(this.nameCheck)})::float8 as names,
        array[${lists.length > 0 ? sql.join(lists) : sql``}]::float8[] as lists
      from ${this.table} as row tablesample system ((select 100 / factor from size)) repeatable (0)
      where ${this.scope}`.execute(em.getKysely());
    const { factor, matches, ...counts } = rows[0]!;
    const names = this.nameNgrams.length > 0 ? counts.names * factor : Infinity;
    const traits = counts.lists.map((count, index) => Math.min(count * factor, this.indexed[index]!.tokens));
    const shortest = traits.length < 2 ? Math.min(names, ...traits) : Math.min(...traits);
    const compared = traits.length === 0 ? this.nameNgrams.length : 2;
    return { matches: matches * factor, names, postings: shortest * compared };
  }

  /** Matches among the next `length` rows. The last row that was read is returned as well: it is where to go on. */
  private async scan(em: EntityManager, length: number): Promise<FoundPage> {
    const { limit } = this.query;
    await this.plan(em, 'scan');
    const { rows } = await sql<Row & { matches: boolean; isEnd: boolean }>`
      select row.id::text as id, ${this.position} as position, ${all(this.checks)} as matches,
        row.number = ${length} as "isEnd"
      from (
        select row.*, row_number() over (order by ${this.sorted}) as number
        from ${this.table} as row where ${this.listed} and ${this.isBehind} order by ${this.sorted} limit ${length}
      ) as row
      where row.number = ${length} or (${all(this.checks)})
      order by ${this.sorted}
      limit ${limit + 1}`.execute(em.getKysely());
    const found = rows.filter(({ matches }) => matches).map(({ id, position }) => ({ id, position }));
    if (found.length > limit) return firstOf(found, limit);
    return { rows: found, next: rows.find(({ isEnd }) => isEnd)?.position ?? null };
  }

  /** null: too many rows to read and sort. */
  private async lookUp(em: EntityManager, candidates: RawBuilder<unknown>): Promise<FoundPage | null> {
    const { limit } = this.query;
    await this.plan(em, 'lookup');
    const { rows } = await sql<{ count: number; id: string | null; position: string[] }>`
      with candidate as materialized (${candidates} limit ${MAX_MATCHES + 1})
      select total.count, page.id, page.position
      from (select count(*)::int as count from candidate) as total
      left join (
        select row.id::text as id, ${this.position} as position from candidate as row
        where ${all([...this.checks, this.scope])} and ${this.isBehind} order by ${this.sorted} limit ${limit + 1}
      ) as page on true`.execute(em.getKysely());
    if (rows[0]!.count > MAX_MATCHES) return null;
    return firstOf(
      rows.flatMap(({ id, position }) => (id === null ? [] : [{ id, position }])),
      limit,
    );
  }

  private withTrait({ ids }: TraitCondition): RawBuilder<unknown> {
    if (ids.length <= MAX_IDS_TOGETHER) return this.where([hasAnyOf(ids)]);
    return sql`
      select distinct ${this.columns}
      from unnest(${ids}::bigint[]) as wanted (id)
      cross join lateral (
        select * from ${this.table} as row where row.trait_ids @> array[wanted.id] offset 0
      ) as row`;
  }

  /** With conditions that only the GIN index has. */
  private where(conditions: readonly RawBuilder<unknown>[]): RawBuilder<unknown> {
    return sql`select ${this.columns} from ${this.table} as row where ${all(conditions)}`;
  }

  private get nameInIndex(): RawBuilder<unknown> {
    return sql`row.name_ngrams @> ${this.nameNgrams}::integer[]`;
  }

  /** An ordered scan has the settings for reads by key; those of an index lookup forbid them. */
  async planKeys(em: EntityManager): Promise<void> {
    if (this.plannedFor === 'lookup') await this.plan(em, 'scan');
  }

  /** Planner settings until the end of the transaction, so that they reach no other client behind a pooler. */
  private async plan(em: EntityManager, way: keyof typeof PLANNER_SETTINGS): Promise<void> {
    if (this.plannedFor === way) return;
    this.plannedFor = way;
    await sql`select ${sql.join(
      Object.entries(PLANNER_SETTINGS[way]).map(([name, value]) => sql`set_config(${name}, ${value}, true)`),
    )}`.execute(em.getKysely());
  }

  private get table(): RawBuilder<unknown> {
    return sql.table(this.query.table);
  }

  /** What checks and the result need. */
  private get columns(): RawBuilder<unknown> {
    const order = this.query.order.columns.map(({ name }) => name);
    const names = new Set(['id', 'collection_id', 'trait_ids', 'name_key', ...order]);
    return sql.join([...names].map((name) => sql`row.${sql.ref(name)}`));
  }

  private get listed(): RawBuilder<unknown> {
    const { indexCondition } = this.query;
    return indexCondition ? all([this.scope, indexCondition]) : this.scope;
  }

  private get scope(): RawBuilder<unknown> {
    const { collectionId } = this.query;
    return collectionId === null ? sql`true` : sql`row.collection_id = ${collectionId}::uuid`;
  }
}

/** One plan is left for each statement. */
const BOTH = { enable_seqscan: 'off', jit: 'off', max_parallel_workers_per_gather: '0' };
const PLANNER_SETTINGS = {
  scan: { ...BOTH, enable_sort: 'off', enable_bitmapscan: 'off', enable_indexscan: 'on', enable_indexonlyscan: 'on' },
  lookup: { ...BOTH, enable_sort: 'on', enable_bitmapscan: 'on', enable_indexscan: 'off', enable_indexonlyscan: 'off' },
};

function isIndexed({ ids, tokens }: TraitCondition): boolean {
  if (ids.length === 0) return false;
  return ids.length <= MAX_IDS_TOGETHER || ids.length * tokens <= MAX_COMPARISONS;
}

function hasAnyOf(ids: readonly string[]): RawBuilder<unknown> {
  return ids.length === 1 ? sql`row.trait_ids @> ${ids}::bigint[]` : sql`row.trait_ids && ${ids}::bigint[]`;
}

function firstOf(rows: Row[], limit: number): FoundPage {
  return { rows: rows.slice(0, limit), next: rows.length > limit ? rows[limit - 1]!.position : null };
}

function all(conditions: readonly RawBuilder<unknown>[]): RawBuilder<unknown> {
  return conditions.length === 0 ? sql`true` : sql.join(conditions, sql` and `);
}
