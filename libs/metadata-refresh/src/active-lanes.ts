import { sql } from 'kysely';

/**
 * The CTE `active`, after "with recursive": the ids of the lanes with chunks that are not paused. It jumps from lane to lane in the
 * index of the queue, however many chunks each has. The last row is null.
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
