// The tables of the baselines. They store what the service promises its callers (status and error of each token of a request,
// and the record with its document), but no traits, attempts or validators.
export const PLAIN_TABLES = `
  create table refreshes (
    id uuid primary key,
    collection text not null,
    total int not null,
    created_at timestamptz not null default now()
  );
  create table refresh_items (
    refresh_id uuid not null references refreshes (id),
    token_id text not null,
    status text not null default 'pending',
    finished_at timestamptz,
    primary key (refresh_id, token_id)
  ) with (fillfactor = 80);
  create index refresh_items_pending on refresh_items (refresh_id) where status = 'pending';
  create table refresh_errors (
    refresh_id uuid not null,
    token_id text not null,
    reason text not null,
    status_code int,
    body text,
    created_at timestamptz not null default now(),
    primary key (refresh_id, token_id)
  );
  create table tokens (
    collection text not null,
    token_id text not null,
    name text,
    description text,
    image_url text,
    external_url text,
    background_color text,
    attributes jsonb,
    raw jsonb,
    updated_at timestamptz,
    primary key (collection, token_id)
  ) with (fillfactor = 80);`;

/** Counted from the items: a counter on the refresh row would serialise all tokens of a refresh. */
export const UNFINISHED = `select exists (select from refresh_items where status = 'pending') as unfinished`;

export const SUCCEEDED = `
  select count(*)::int as count
  from refresh_items as item
  join refreshes as refresh on refresh.id = item.refresh_id
  where refresh.collection = $1 and item.status = 'succeeded'`;

export async function registerPlainTokens(database, collection, tokenIds) {
  await database.query(`insert into tokens (collection, token_id) select $1, unnest($2::text[])`, [
    collection,
    tokenIds,
  ]);
}

export async function saveRefresh(pool, id, collection, tokenIds) {
  await pool.query(
    `with refresh as (insert into refreshes (id, collection, total) values ($1, $2, cardinality($3::text[])))
     insert into refresh_items (refresh_id, token_id) select $1, unnest($3::text[])`,
    [id, collection, tokenIds],
  );
}

/** Record and item in one prepared statement: one transaction and one round trip per token. */
export async function saveToken(pool, { refreshId, collection, tokenId }, metadata) {
  await pool.query({
    name: 'save-token',
    text: `
      with record as (
        insert into tokens as token
          (collection, token_id, name, description, image_url, external_url, background_color, attributes, raw, updated_at)
        values ($2, $3, $4, $5, $6, $7, $8, $9, $10, now())
        on conflict (collection, token_id) do update
        set name = excluded.name, description = excluded.description, image_url = excluded.image_url,
          external_url = excluded.external_url, background_color = excluded.background_color,
          attributes = excluded.attributes, raw = excluded.raw, updated_at = excluded.updated_at
      )
      update refresh_items set status = 'succeeded', finished_at = now() where refresh_id = $1 and token_id = $3`,
    values: [
      refreshId,
      collection,
      tokenId,
      metadata.name,
      metadata.description,
      metadata.imageUrl,
      metadata.externalUrl,
      metadata.backgroundColor,
      JSON.stringify(metadata.attributes),
      metadata.raw,
    ],
  });
}

export async function saveError(pool, { refreshId, tokenId }, error) {
  await pool.query({
    name: 'save-error',
    text: `
      with item as (
        update refresh_items set status = 'failed', finished_at = now() where refresh_id = $1 and token_id = $2
      )
      insert into refresh_errors (refresh_id, token_id, reason, status_code, body) values ($1, $2, $3, $4, $5)
      on conflict do nothing`,
    values: [refreshId, tokenId, String(error.code ?? error.message), error.response?.status, error.response?.data],
  });
}
