// A queue with a row for each token, as one writes it by hand: the baseline for accepting a refresh.
export const CREATE_ROW_QUEUE = `
  create schema baseline;
  create table baseline.queue (
    id bigint generated always as identity primary key,
    refresh_id uuid not null references nft_metadata.refreshes (id),
    token_id numeric(78, 0) not null,
    status text not null default 'pending',
    due_at timestamptz not null,
    unique (refresh_id, token_id)
  );
  create index queue_due on baseline.queue (due_at, id) where status = 'pending';`;

/** Of a refresh ($1) with tokens ($2). */
export const INSERT_ROWS = `
  insert into baseline.queue (refresh_id, token_id, due_at) select $1, unnest($2::numeric[]), now()`;
