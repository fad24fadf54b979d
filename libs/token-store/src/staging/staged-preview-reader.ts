import { booleanArray, textArray } from '@app/database';
import type { EntityManager } from '@mikro-orm/postgresql';
import { sql, type RawBuilder } from 'kysely';
import type { ChangedField } from '../metadata-change.js';
import { REPORTED_FIELDS, selectChangedFields } from '../record-difference.js';
import { summarizeTraits } from '../trait-summaries.js';
import type { TraitSummary } from '../token-store.js';
import type { StagedChanges, StagedFinding } from './staged-preview.js';
import type { StagedReveal } from './staging-store.js';
import {
  findAlikeTypes,
  findAlikeValues,
  findMixedTypes,
  findNumberTexts,
  type SpelledTraitType,
  type SpellingProblem,
} from './trait-spelling.js';

/** Examples of one finding, and token ids of one example. */
const MAX_EXAMPLES = 5;
const MAX_TRAIT_TYPES = 1000;
/** Of one type with more values, or beyond so many of all types, they are not compared. */
const MAX_VALUES_OF_TYPE = 1000;
const MAX_VALUES = 20_000;
/** A trait type that at most this part of the tokens misses. */
const RARELY_MISSING = 0.05;
/** Warnings that are told apart. */
const MAX_WARNINGS = 100;
/** Trait types whose documents are read, and documents of each. */
const MAX_NUMBER_TEXTS = 50;
const MAX_LOOKED_AT = 20;

/**
 * For the statements below. All of them go through the staged documents once, in the order of their key, and look up the records one by
 * one; the results are joined by hash: linear in the number of documents, whatever the statistics say of rows that were just written. The
 * memory keeps a hundred thousand tokens from being sorted on disk.
 */
export async function preparePreview(em: EntityManager): Promise<void> {
  await sql`
    select set_config('enable_seqscan', 'off', true), set_config('enable_nestloop', 'off', true), set_config('jit', 'off', true),
      set_config('work_mem', '48MB', true)`.execute(em.getKysely());
}

/** What publishing would change. */
export async function compareStaged(em: EntityManager, reveal: StagedReveal): Promise<StagedChanges> {
  const fieldCounts = REPORTED_FIELDS.map((_, bit) => sql`coalesce(sum(changed_fields >> ${sql.lit(bit)} & 1), 0)`);
  const { rows } = await sql<
    Omit<StagedChanges, 'notStaged' | 'fields' | 'traits'> &
      StagedChanges['traits'] & { registered: number; fields: number[] }
  >`
    with ${comparedTokens(reveal, { columns: CHANGED_FIELDS, joins: joinChangedFields })}, ${countedTraits(reveal)}, types as (
      select sum(tokens_before) = 0 as is_added, sum(token_count) = 0 as is_removed from counted_traits group by trait_type
    )
    select count(*) filter (where effect = 'updated')::int as updated,
      count(*) filter (where effect = 'unchanged')::int as unchanged,
      count(*) filter (where effect = 'superseded')::int as superseded,
      count(*) filter (where effect = 'missing')::int as missing,
      count(*) filter (where effect = 'updated' and is_first)::int as "firstMetadata",
      ${registeredTokens(reveal)} as registered,
      array[${sql.join(fieldCounts)}]::int[] as fields,
      count(*) filter (where traits_before <> trait_ids)::int as tokens,
      coalesce(sum(cardinality(trait_ids) - traits_kept), 0)::int as added,
      coalesce(sum(cardinality(traits_before) - traits_kept), 0)::int as removed,
      (select count(*) from counted_traits where tokens_before = 0)::int as "valuesAdded",
      (select count(*) from counted_traits where token_count = 0)::int as "valuesRemoved",
      (select count(*) from types where is_added)::int as "typesAdded",
      (select count(*) from types where is_removed)::int as "typesRemoved"
    from compared`.execute(em.getKysely());
  const { fields, registered, updated, unchanged, superseded, missing, firstMetadata, ...traits } = rows[0]!;
  return {
    updated,
    unchanged,
    superseded,
    missing,
    firstMetadata,
    notStaged: Math.max(0, registered - updated - unchanged - superseded),
    fields: Object.fromEntries(REPORTED_FIELDS.map((field, index) => [field, fields[index]!])) as Record<
      ChangedField,
      number
    >,
    traits,
  };
}

/** The traits of the collection as they would be. */
export function listStagedTraits(
  em: EntityManager,
  reveal: StagedReveal,
  valuesPerType?: number,
): Promise<TraitSummary[]> {
  const counted = {
    with: sql`with ${comparedTokens(reveal)}, ${countedTraits(reveal)}`,
    query: sql`select trait_type, value, value_number, token_count from counted_traits where token_count > 0`,
  };
  return summarizeTraits(em, counted, valuesPerType);
}

/** What is unusual about the staged documents, and about the traits of the collection as they would be. */
export async function inspectStaged(em: EntityManager, reveal: StagedReveal): Promise<StagedFinding[]> {
  const ofDocuments = await inspectDocuments(em, reveal);
  const { findings, traitTypes } = await inspectTraits(em, reveal);
  return [...ofDocuments, ...findings, ...(await inspectSpelling(em, reveal, traitTypes))];
}

async function inspectSpelling(
  em: EntityManager,
  reveal: StagedReveal,
  traitTypes: readonly SpelledTraitType[],
): Promise<StagedFinding[]> {
  const alikeTypes = findAlikeTypes(traitTypes);
  const alikeValues = findAlikeValues(traitTypes);
  const numberTexts = findNumberTexts(traitTypes).slice(0, MAX_NUMBER_TEXTS);
  const mixed = findMixedTypes(traitTypes);
  // Of several spellings, the rarest one is to be shown: it is the last.
  const wanted = [
    ...alikeTypes
      .slice(0, MAX_EXAMPLES)
      .map((problem) => ({ problem, traitType: problem.traitTypes.at(-1)!, value: null })),
    ...alikeValues
      .slice(0, MAX_EXAMPLES)
      .map((problem) => ({ problem, traitType: problem.traitTypes[0]!, value: problem.values.at(-1)! })),
    ...mixed
      .slice(0, MAX_EXAMPLES)
      .map((problem) => ({ problem, traitType: problem.traitTypes[0]!, value: problem.values[0] ?? null })),
    ...numberTexts.map((problem) => ({
      problem,
      traitType: problem.traitTypes[0]!,
      value: problem.values[0]!,
      isText: true,
    })),
  ];
  const tokenIds = await findStagedTokens(em, reveal, wanted);
  const idsOf = new Map(wanted.map(({ problem }, index) => [problem, tokenIds[index]!]));
  const toFinding = (code: string, problems: readonly SpellingProblem[]): StagedFinding[] => {
    const examples = problems.slice(0, MAX_EXAMPLES).map((problem) => {
      return { ...problem, values: problem.values.slice(0, MAX_EXAMPLES), tokenIds: idsOf.get(problem)! };
    });
    return problems.length > 0 ? [{ code, count: problems.length, examples }] : [];
  };
  return [
    ...toFinding('trait_types_alike', alikeTypes),
    ...toFinding('trait_values_alike', alikeValues),
    ...toFinding('mixed_values', mixed),
    // A date is shown as a date, and indexed as text.
    ...toFinding(
      'numbers_as_text',
      numberTexts.filter((problem) => idsOf.get(problem)!.length > 0),
    ),
  ];
}

interface WantedTrait {
  traitType: string;
  /** null: any. */
  value: string | null;
  /** Whether the document must have it as a text. */
  isText?: boolean;
}

/** The first staged tokens with each of these traits, in the order given. */
async function findStagedTokens(
  em: EntityManager,
  { revealId, collectionId }: StagedReveal,
  wanted: readonly WantedTrait[],
): Promise<string[][]> {
  if (wanted.length === 0) return [];
  const { rows } = await sql<{ tokenIds: string[] }>`
    select array(
      select token_id::text from (
        select staged.token_id, staged.metadata from nft_metadata.staged_documents as staged
        where staged.reveal_id = ${revealId}::uuid and staged.trait_ids && array(
          select id from nft_metadata.collection_traits
          where collection_id = ${collectionId}::uuid and trait_type = wanted.trait_type
            and (wanted.value is null or value = wanted.value)
          limit ${MAX_VALUES_OF_TYPE}::int
        )
        order by staged.token_id
        limit ${MAX_LOOKED_AT}::int
      ) as looked_at
      where not wanted.is_text or exists (
        select from json_to_recordset(metadata -> 'attributes') as attribute ("traitType" text, "valueType" text, value text)
        where "traitType" = wanted.trait_type and value = wanted.value and "valueType" = 'string'
      )
      order by looked_at.token_id
      limit ${MAX_EXAMPLES}::int
    ) as "tokenIds"
    from unnest(
      ${textArray(wanted.map(({ traitType }) => traitType))}::text[], ${textArray(wanted.map(({ value }) => value))}::text[],
      ${booleanArray(wanted.map(({ isText = false }) => isText))}::boolean[]
    ) with ordinality as wanted (trait_type, value, is_text, place)
    order by wanted.place`.execute(em.getKysely());
  return rows.map(({ tokenIds }) => tokenIds);
}

async function inspectDocuments(em: EntityManager, reveal: StagedReveal): Promise<StagedFinding[]> {
  const findings = [
    notStaged(reveal),
    tokensThat('unchanged', sql`effect = 'unchanged'`),
    tokensThat('missing_name', sql`name is null`),
    tokensThat('missing_image', sql`not has_image`),
    // A collection without any attributes means it.
    tokensThat(
      'missing_attributes',
      sql`cardinality(trait_ids) = 0 and exists (select from shown where cardinality(trait_ids) > 0)`,
    ),
    tokensWithEqual('duplicate_document', sql`content_hash`),
    tokensWithEqual('duplicate_image', sql`image_hash`),
    tokensWithEqual('duplicate_name', sql`name`, sql`array[name]`),
    tokensByWarning,
  ];
  const { rows } = await sql<StagedFinding>`
    with ${comparedTokens(reveal, { columns: SHOWN_FIELDS, joins: joinShownFields })}, shown as materialized (
      select * from compared where effect in ('updated', 'unchanged')
    ), findings as (
      ${sql.join(findings, sql` union all `)}
    )
    select code, tokens::int as count, examples from findings where tokens > 0`.execute(em.getKysely());
  return rows;
}

async function inspectTraits(
  em: EntityManager,
  reveal: StagedReveal,
): Promise<{ findings: StagedFinding[]; traitTypes: SpelledTraitType[] }> {
  const { rows } = await sql<{ findings: StagedFinding[]; traitTypes: SpelledTraitType[] }>`
    with ${comparedTokens(reveal)}, ${countedTraits(reveal)}, shown as materialized (
      -- Small numbers in place of token ids and types, because there are ten times as many values as tokens.
      select token_id, trait_ids, row_number() over (order by token_id)::int as number
      from compared where effect in ('updated', 'unchanged') and cardinality(trait_ids) > 0
    ), types as materialized (
      select *, sum(value_count) over (order by tokens desc, trait_type) as values_so_far,
        row_number() over (order by tokens desc, trait_type)::int as number
      from (
        select trait_type, sum(token_count)::bigint as tokens, count(*) as value_count, count(value_number) as number_count,
          count(*) filter (where is_number_text) as number_text_count, min(value) filter (where is_number_text) as number_text
        from (
          select *, value_number is null and value ~ '^[-+]?([0-9]{1,30}([.][0-9]{1,30})?|[.][0-9]{1,30})$' as is_number_text
          from counted_traits where token_count > 0
        ) as counted
        group by trait_type
      ) as type
    ), typed as materialized (
      select shown.number as token, types.number as type, count(*)::int as values
      from (select number, unnest(trait_ids) as id from shown offset 0) as shown
      join (
        select trait.id, types.number from counted_traits as trait join types on types.trait_type = trait.trait_type offset 0
      ) as types on types.id = shown.id
      group by shown.number, types.number
    ), missing as materialized (
      select type, trait_type, (select count(*) from shown) - count(*) as tokens
      from typed join types on types.number = typed.type
      group by type, trait_type
      having count(*) between (select count(*) from shown) * ${1 - RARELY_MISSING}::float8 and (select count(*) from shown) - 1
    ), repeated as materialized (
      select type, trait_type, count(*) as tokens from typed join types on types.number = typed.type
      where values > 1 group by type, trait_type
    ), texts as materialized (
      select trait.trait_type, json_agg(json_build_object('value', value, 'tokens', token_count) order by token_count desc, value) as texts
      from counted_traits as trait join types on types.trait_type = trait.trait_type
      where value_number is null and token_count > 0 and types.number <= ${MAX_TRAIT_TYPES}::int
        and types.value_count <= ${MAX_VALUES_OF_TYPE}::int and types.values_so_far <= ${MAX_VALUES}::int
      group by trait.trait_type
    ), findings as (
      ${tokensByType(
        'rarely_missing_trait',
        sql`missing`,
        sql`
        not exists (select from typed where typed.token = shown.number and typed.type = finding.type)`,
      )}
      union all
      ${tokensByType(
        'repeated_trait',
        sql`repeated`,
        sql`
        exists (select from typed where typed.token = shown.number and typed.type = finding.type and typed.values > 1)`,
      )}
    )
    select coalesce((
      select json_agg(json_build_object('code', code, 'count', tokens, 'examples', examples)) from findings where tokens > 0
    ), '[]') as findings, coalesce((
      select json_agg(json_build_object(
        'traitType', trait_type, 'tokens', tokens, 'valueCount', value_count, 'numberCount', number_count,
        'numberTextCount', number_text_count, 'numberText', number_text, 'texts', coalesce(texts, '[]')
      ) order by number)
      from types left join texts using (trait_type) where number <= ${MAX_TRAIT_TYPES}::int
    ), '[]') as "traitTypes"`.execute(em.getKysely());
  return rows[0]!;
}

interface ComparedColumns {
  columns?: RawBuilder<unknown>;
  joins?: RawBuilder<unknown>;
}

/**
 * `compared`: a row for each staged document, with what publishing it would do to its record, as `RevealPublication` and the writer decide:
 * a later fetch keeps its record, and so does what was pushed if pushes win; a hold that is older than the document ends. For the updated
 * ones, `traits_before`, and how many of those stay.
 */
function comparedTokens(
  { revealId, collectionId }: StagedReveal,
  { columns = sql``, joins = sql`` }: ComparedColumns = {},
): RawBuilder<unknown> {
  return sql`
    compared as materialized (
      select staged.token_id, staged.trait_ids, staged.content_hash, staged.has_image, staged.warnings, token.is_first, effect,
        before.trait_ids as traits_before, case when effect = 'updated' then (
          select count(*) from unnest(staged.trait_ids) as one (id) where one.id = any(before.trait_ids)
        ) end as traits_kept ${columns}
      from nft_metadata.staged_documents as staged
      left join lateral (
        select id, fetch_seq, content_hash, content_hash is null as is_first, metadata_source = 'pushed' as is_pushed
        from nft_metadata.tokens
        where collection_id = ${collectionId}::uuid and token_id = staged.token_id
        offset 0
      ) as token on true
      cross join lateral (
        select case
          when token.id is null then 'missing'
          when staged.fetch_seq < token.fetch_seq or token.is_pushed and (${keepsPushed(collectionId)}) then 'superseded'
          when staged.content_hash = token.content_hash then 'unchanged'
          else 'updated'
        end as effect
      ) as publication
      left join lateral (
        select coalesce((
          select trait_ids from nft_metadata.token_search
          where collection_id = ${collectionId}::uuid and token_id = staged.token_id
        ), '{}') as trait_ids
        where effect = 'updated'
      ) as before on true
      ${joins}
      where staged.reveal_id = ${revealId}::uuid
    )`;
}

/** Once for a statement. */
function keepsPushed(collectionId: string): RawBuilder<unknown> {
  return sql`
    select coalesce(push_policy, case when source = 'pushed' then 'push_wins' end) = 'push_wins'
    from nft_metadata.collections where id = ${collectionId}::uuid`;
}

/** `counted_traits`: the values that tokens of the collection have now or would have, with both counts. Needs `compared`. */
function countedTraits({ collectionId }: StagedReveal): RawBuilder<unknown> {
  return sql`
    moved as materialized (
      select id, sum(amount)::int as amount from (
        select unnest(trait_ids) as id, 1 as amount from compared where effect = 'updated'
        union all
        select unnest(traits_before), -1 from compared where effect = 'updated'
      ) as one
      group by id
    ), counted_traits as materialized (
      select trait.id, trait.trait_type, trait.value, trait.value_number, trait.token_count as tokens_before,
        greatest(0, trait.token_count + coalesce(moved.amount, 0)) as token_count
      from nft_metadata.collection_traits as trait left join moved on moved.id = trait.id
      where trait.collection_id = ${collectionId}::uuid and (trait.token_count > 0 or moved.amount > 0)
    )`;
}

function registeredTokens({ collectionId }: StagedReveal): RawBuilder<unknown> {
  return sql`coalesce((select token_count from nft_metadata.collections where id = ${collectionId}::uuid), 0)::int`;
}

const CHANGED_FIELDS = sql`, difference.changed_fields`;

/** The fields of the record that the document changes, as `token_versions` stores them; null: it is not written. */
const joinChangedFields = sql`
  left join lateral (
    select ${selectChangedFields} as changed_fields
    from (
      select name, description, "imageUrl" as image_url, "imageOriginal" as image_original, "animationUrl" as animation_url,
        "animationOriginal" as animation_original, "externalUrl" as external_url, "youtubeUrl" as youtube_url,
        "backgroundColor" as background_color, decimals, localization, attributes
      from json_to_record(staged.metadata) as fields (
        name text, description text, "imageUrl" text, "imageOriginal" text, "animationUrl" text, "animationOriginal" text,
        "externalUrl" text, "youtubeUrl" text, "backgroundColor" text, decimals integer, localization jsonb, attributes json
      )
    ) as document
    cross join lateral (
      select stored.*, coalesce(stored.attributes_text, '[]') as attributes
      from (select) as always left join lateral (
        select name, description, image_url, image_original, animation_url, animation_original, external_url, youtube_url,
          background_color, decimals, localization, attributes::text as attributes_text
        from nft_metadata.token_documents where id = token.id
        offset 0
      ) as stored on true
    ) as before
    where effect = 'updated'
  ) as difference on true`;

const SHOWN_FIELDS = sql`, document.name, document.image_hash`;

const joinShownFields = sql`
  left join lateral (
    select name, md5("imageUrl") as image_hash from json_to_record(staged.metadata) as fields (name text, "imageUrl" text)
  ) as document on true`;

/** Columns of a finding: code, tokens, examples. */
function tokensThat(code: string, condition: RawBuilder<unknown>): RawBuilder<unknown> {
  return sql`
    select ${sql.lit(code)} as code, count(*) as tokens, json_build_array(${example({
      tokens: sql`count(*)`,
      tokenIds: sql`select token_id from shown where ${condition} order by token_id limit ${MAX_EXAMPLES}::int`,
    })}) as examples
    from shown where ${condition}`;
}

/** Of tokens that have something in common, and those that have the most in common first. */
function tokensWithEqual(code: string, column: RawBuilder<unknown>, values?: RawBuilder<unknown>): RawBuilder<unknown> {
  return tokenGroups(
    code,
    sql`
      select ${column} as key, ${values ?? sql`'{}'::text[]`} as values, count(*) as tokens, min(token_id) as first from shown
      where ${column} is not null group by ${column} having count(*) > 1`,
    sql`${column} = finding.key`,
  );
}

const tokensByWarning = sql`
  select * from (
    select warning as code, count(*) as tokens, json_build_array(${example({
      tokens: sql`count(*)`,
      tokenIds: sql`select token_id from shown where warning = any(warnings) order by token_id limit ${MAX_EXAMPLES}::int`,
    })}) as examples
    from shown cross join lateral unnest(warnings) as one (warning)
    group by warning
    order by count(*) desc, warning
    limit ${MAX_WARNINGS}::int
  ) as warned`;

function tokenGroups(code: string, groups: RawBuilder<unknown>, condition: RawBuilder<unknown>): RawBuilder<unknown> {
  return sql`
    select ${sql.lit(code)}, coalesce(max(tokens_of_all), 0), json_agg(${example({
      tokens: sql`tokens`,
      tokenIds: sql`select token_id from shown where ${condition} order by token_id limit ${MAX_EXAMPLES}::int`,
      values: sql`values`,
    })} order by tokens desc, first)
    from (
      select *, sum(tokens) over () as tokens_of_all from (${groups}) as one
      order by tokens desc, first
      limit ${MAX_EXAMPLES}::int
    ) as finding`;
}

function tokensByType(code: string, table: RawBuilder<unknown>, condition: RawBuilder<unknown>): RawBuilder<unknown> {
  return sql`
    select ${sql.lit(code)} as code, coalesce(max(tokens_of_all), 0) as tokens, json_agg(${example({
      tokens: sql`tokens`,
      tokenIds: sql`select token_id from shown where ${condition} order by token_id limit ${MAX_EXAMPLES}::int`,
      traitTypes: sql`array[trait_type]`,
    })} order by tokens, trait_type) as examples
    from (
      select *, sum(tokens) over () as tokens_of_all from ${table}
      order by tokens, trait_type
      limit ${MAX_EXAMPLES}::int
    ) as finding`;
}

/**
 * Tokens of the collection without a staged document. Among the first so many tokens as there are documents, and a few more, there must
 * be examples.
 */
function notStaged(reveal: StagedReveal): RawBuilder<unknown> {
  const { revealId, collectionId } = reveal;
  return sql`
    select 'not_staged' as code, tokens, json_build_array(${example({
      tokens: sql`tokens`,
      tokenIds: sql`
        select token_id from (
          select token_id from nft_metadata.tokens where collection_id = ${collectionId}::uuid
          order by token_id
          limit (select count(*) + ${MAX_EXAMPLES}::int from compared)
        ) as token
        where not exists (
          select from nft_metadata.staged_documents as staged
          where staged.reveal_id = ${revealId}::uuid and staged.token_id = token.token_id
        )
        order by token_id
        limit ${MAX_EXAMPLES}::int`,
    })}) as examples
    from (
      select ${registeredTokens(reveal)} - count(*) filter (where effect <> 'missing') as tokens from compared
    ) as finding`;
}

function example({
  tokens,
  tokenIds,
  traitTypes = sql`'{}'::text[]`,
  values = sql`'{}'::text[]`,
}: {
  tokens: RawBuilder<unknown>;
  /** A query. */
  tokenIds: RawBuilder<unknown>;
  traitTypes?: RawBuilder<unknown>;
  values?: RawBuilder<unknown>;
}): RawBuilder<unknown> {
  return sql`
    json_build_object(
      'tokens', ${tokens}, 'tokenIds', array(select token_id::text from (${tokenIds}) as example), 'traitTypes', ${traitTypes},
      'values', ${values}
    )`;
}
