// Fills a large collection with SQL, in the state the service would have left; half of the tokens are for sale.
import { TraitRecount } from '../../dist/libs/token-store/src/index.js';
import { openApplication } from '../support/service.mjs';

/** A deterministic pseudo-random number from 0 to 1 for a token and a seed. */
const RANDOM = (seed) => `((hashint8(number * 31 + ${seed} * 1000003)::bigint & 2147483647) / 2147483648.0)`;
const SKEWED = (seed, values) => `floor(power(${RANDOM(seed)}, 2) * ${values})::int`;

/**
 * Trait types and the SQL of their values. Six have 5 to 40 values, few of them common. `Generation` correlates with the token
 * id, `Tier` with the price. No token has both `Wings=Bat` and `Side=Light`. `Score` has half as many values as there are tokens.
 */
const TRAITS = [
  ...Array.from({ length: 6 }, (_, at) => ({
    type: `Trait ${at}`,
    value: SKEWED(at, 5 + at * 7),
    text: `'Value ' || value`,
  })),
  { type: 'Level', value: `1 + floor(${RANDOM(6)} * 100)::int`, isNumber: true },
  { type: 'Generation', value: `((number - 1) * 10 / total)::int`, isNumber: true },
  {
    type: 'Tier',
    value: `floor(${RANDOM(8)} * 4)::int`,
    text: `(array['Wood', 'Bronze', 'Silver', 'Gold'])[value + 1]`,
  },
  { type: 'Side', value: `floor(${RANDOM(9)} * 2)::int`, text: `(array['Light', 'Dark'])[value + 1]` },
  { type: 'Wings', value: `floor(${RANDOM(9)} * 2)::int`, text: `(array['Angel', 'Bat'])[value + 1]` },
  { type: 'Score', value: `(number / 2)::int`, isNumber: true },
];

export async function writeCollection(database, { id }, tokens) {
  const run = (text, values) => database.query(text, values);
  await run(
    `set session_replication_role = replica; set synchronous_commit = off; set maintenance_work_mem = '512MB';
     set work_mem = '256MB'; set max_parallel_maintenance_workers = 0`,
  );
  const rebuild = await withoutIndexes(run, ['nft_metadata.token_search', 'marketplace.listings']);

  await run(`
    create unlogged table public.seed as
    select number::bigint, array[${TRAITS.map(({ value }) => value).join(', ')}] as held,
      (array['Amber', 'Basin', 'Cedar', 'Dragon', 'Ember', 'Fjord', 'Grove', 'Harbor', 'Island', 'Juniper', 'Kestrel',
        'Lantern', 'Meadow', 'North', 'Opal', 'Prairie', 'Quartz', 'River', 'Summit', 'Timber'])[1 + ${SKEWED(20, 20)}]
      || ' ' || (array['Knight', 'Mage', 'Rogue', 'Hunter', 'Priest', 'Smith', 'Bard', 'Monk'])[1 + floor(${RANDOM(21)} * 8)::int]
      || ' #' || number as name
    from generate_series(1, ${tokens}) as number, (values (${tokens}::bigint)) as size (total)`);
  for (const [at, { type, text = 'value::text', isNumber = false }] of TRAITS.entries()) {
    await run(
      `insert into nft_metadata.collection_traits (collection_id, trait_type, value, value_number, token_count)
       select $1, $2, ${text}, ${isNumber ? 'value' : 'null::numeric'}, count(*)
       from (select held[${at + 1}] as value from public.seed) as held group by value`,
      [id, type],
    );
  }
  await run(`
    create unlogged table public.held as
    select number, array_agg(trait.id order by trait.id) as trait_ids
    from (${TRAITS.map(
      ({ type, text = 'value::text' }, at) =>
        `select number, '${type}' as trait_type, ${text} as value from (select number, held[${at + 1}] as value from public.seed) as one`,
    ).join(' union all ')}) as one
    join nft_metadata.collection_traits as trait using (trait_type, value)
    group by number`);

  await run(
    `insert into nft_metadata.tokens
       (collection_id, token_id, content_hash, metadata_version, metadata_url, metadata_source, metadata_status,
        last_success_at, last_attempt_at, changed_at)
     select $1, number, md5(name), 1, 'http://localhost/' || number, 'metadata_api', 'ok', now(), now(), now()
     from public.seed order by number`,
    [id],
  );
  await run(
    `insert into nft_metadata.token_documents (id, name, description, image_url, attributes, raw)
     select token.id, name, text, image, attributes,
       json_build_object('name', name, 'description', text, 'image', image, 'attributes', attributes)
     from public.seed join public.held using (number)
     join nft_metadata.tokens as token on token.collection_id = $1 and token.token_id = number
     cross join lateral (select repeat(md5(number::text) || ' ', 8) as text, 'https://images.example.com/' || number as image) as one
     cross join lateral (
       select json_agg(json_build_object('value', value, 'traitType', trait_type, 'valueType', 'string',
         'displayType', null, 'maxValue', null)) as attributes
       from nft_metadata.collection_traits as trait where trait.id = any(trait_ids)
     ) as two
     order by token.id`,
    [id],
  );
  const application = await openApplication(database.url, { statementsTakeLong: true });
  await application.get(TraitRecount).recount(id);
  await application.close();
  // Put up in no order of their ids. Gold begins where half of the others are cheaper.
  await run(
    `insert into marketplace.listings
       (collection_id, token_id, seller, price, currency, name_key, trait_ids, name_ngrams)
     select search.collection_id, token_id, '0x' || repeat('5', 40),
       (case when gold.id = any(search.trait_ids) then 600000 else 100000 end + (hashint8(search.id)::bigint & 1048575) * 0.9)::bigint
         * 1000000000000, 'ETH', name_key, search.trait_ids, name_ngrams
     from nft_metadata.token_search as search, nft_metadata.collection_traits as gold
     where search.token_id % 2 = 0 and gold.trait_type = 'Tier' and gold.value = 'Gold'
     order by hashint8(search.id + 7)`,
  );
  await run('drop table public.seed, public.held');
  await rebuild();
  await run('reset all');
  await database.vacuum();
}

/** Indexes are built once, and not row by row. Not those of a constraint. */
async function withoutIndexes(run, tables) {
  const indexes = await run(
    `select indexrelid::regclass::text as name, pg_get_indexdef(indexrelid) as definition from pg_index
     where indrelid = any($1::regclass[]) and not exists (select from pg_constraint where conindid = indexrelid)`,
    [tables],
  );
  for (const { name } of indexes) await run(`drop index ${name}`);
  return async () => {
    for (const { definition } of indexes) await run(definition);
  };
}
