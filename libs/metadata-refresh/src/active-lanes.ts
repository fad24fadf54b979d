import { sql } from 'kysely';

/**
 * The lanes with chunks that wait, for `with recursive`: each is found by one look into the index, however many chunks it has. The last
 * row is null.
 */
export const ACTIVE_LANES = sql`
  active as (
    (select lane_id from nft_metadata.refresh_chunks where not is_paused order by lane_id limit 1)
    union all
    select (
      select lane_id from nft_metadata.refresh_chunks where lane_id > active.lane_id and not is_paused order by lane_id limit 1
    )
    from active where active.lane_id is not null
  )`;
