import { TraitRecount } from '@app/token-store';
import type { INestApplication } from '@nestjs/common';
import type { TestDatabase } from './database.js';

export interface SizedCollection {
  id: string;
  /** Every second token is for sale. */
  tokens: number;
}

/**
 * Writes token records with SQL, in the state a worker would have left, and lists half of them in random order. `Side` and `Wings`
 * correlate: no token has `Side=Light` and `Wings=Bat`. `Tier=Gold` has the highest prices. `Half` splits the ids in the middle.
 * `Score` is unique.
 */
export async function fillCollection(
  app: INestApplication,
  { query }: Pick<TestDatabase, 'query'>,
  { id, tokens }: SizedCollection,
): Promise<void> {
  await query(
    `insert into nft_metadata.collection_traits (collection_id, trait_type, value, value_number)
     select $1, trait_type, value, case when trait_type in ('Level', 'Score') then value::numeric end
     from (
       select 'Side' as trait_type, unnest(array['Light', 'Dark']) as value
       union all select 'Wings', unnest(array['Angel', 'Bat'])
       union all select 'Tier', unnest(array['Wood', 'Gold'])
       union all select 'Half', unnest(array['First', 'Second'])
       union all select 'Level', generate_series(1, 100)::text
       union all select 'Score', generate_series(1, $2::int)::text
     ) as one`,
    [id, tokens],
  );
  await query(
    `with token as (
       insert into nft_metadata.tokens (collection_id, token_id, metadata_version, metadata_status, last_success_at, content_hash)
       select $1, number, 1, 'ok', now(), 'x' from generate_series(1, $2::int) as number
       returning id, token_id::int as number
     )
     insert into nft_metadata.token_documents (id, name, attributes, raw)
     select id, (array['Amber', 'Ébène', 'Dragon'])[1 + number % 3] || ' Knight #' || number,
       (select json_agg(json_build_object('traitType', trait_type, 'value', value, 'valueType', 'string'))
        from (values
          ('Side', case when chance % 2 = 0 then 'Light' else 'Dark' end),
          ('Wings', case when chance % 2 = 0 then 'Angel' else 'Bat' end),
          ('Tier', case when chance % 5 < 2 then 'Gold' else 'Wood' end),
          ('Half', case when number <= $2 / 2 then 'First' else 'Second' end),
          ('Level', (1 + chance % 100)::text), ('Score', number::text)
        ) as trait (trait_type, value)), '{}'
     from (select *, abs(hashint4(number) % 1000003) as chance from token) as one`,
    [id, tokens],
  );
  await app.get(TraitRecount).recount(id);
  await query(
    `insert into marketplace.listings (collection_id, token_id, seller, price, currency, name_key, trait_ids, name_ngrams)
     select search.collection_id, token_id, '0x' || repeat('5', 40), abs(hashint8(search.id) % 1000) + case when gold.id is null then 0 else 1000 end,
       'ETH', name_key, search.trait_ids, name_ngrams
     from nft_metadata.token_search as search
     left join nft_metadata.collection_traits as gold
       on gold.collection_id = $1 and gold.trait_type = 'Tier' and gold.value = 'Gold' and gold.id = any(search.trait_ids)
     where search.collection_id = $1 and token_id % 2 = 0
     order by hashint8(search.id + 7)`,
    [id],
  );
}
