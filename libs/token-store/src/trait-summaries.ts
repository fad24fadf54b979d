import type { EntityManager } from '@mikro-orm/postgresql';
import { sql, type RawBuilder } from 'kysely';
import type { TraitSummary } from './token-store.js';

/** A statement may use named parts: `with` and `from` belong together. */
export interface CountedTraits {
  /** A `with` clause, or nothing. */
  with?: RawBuilder<unknown>;
  /** A query with the columns `trait_type`, `value`, `value_number` and `token_count`, which is above 0. */
  query: RawBuilder<unknown>;
}

/** One row for each trait type, in alphabetical order, with its most frequent values. */
export async function summarizeTraits(
  em: EntityManager,
  counted: CountedTraits,
  valuesPerType = 100,
): Promise<TraitSummary[]> {
  const { rows } = await sql<TraitSummary>`
    ${counted.with ?? sql``}
    select trait_type as "traitType", count(*)::int as "valueCount", min(value_number)::text as minimum,
      max(value_number)::text as maximum,
      coalesce(
        jsonb_agg(jsonb_build_object('value', value, 'tokenCount', token_count) order by token_count desc, value)
          filter (where place <= ${Math.min(Math.max(valuesPerType, 1), 1000)}::int),
        '[]'
      ) as values
    from (
      select trait_type, value, value_number, token_count,
        row_number() over (partition by trait_type order by token_count desc, value) as place
      from (${counted.query}) as counted
    ) as trait
    group by trait_type
    order by trait_type`.execute(em.getKysely());
  return rows;
}
