// Queues filled with SQL: through the API, ten million items would take hours.
import { RefreshQueue } from '../../dist/libs/metadata-refresh/src/queue/refresh-queue.js';
import { openApplication } from '../support/service.mjs';

const TOKENS_PER_REFRESH = 1000;
const TOKENS_PER_CHUNK = 128;
const LANES = 50;
const PENDING = 20_000;

/** A database with 20,000 due tokens in 50 lanes, and the RefreshQueue of the application. */
export async function openQueueWith(postgres, name, fill = async () => {}) {
  const database = await postgres.createDatabase(name);
  const application = await openApplication(database.url);
  await withBulkWriteSettings(database, async () => {
    await fill(database);
    // As in production, the planner statistics are older than the pending tokens.
    await database.vacuum();
    for (let lane = 1; lane <= LANES; lane += 1) {
      await addPending(database, `host-${lane}`, PENDING / LANES);
    }
  });
  const queue = application.get(RefreshQueue, { strict: false });
  return {
    /** Excludes `fullHosts`, as a worker does with hosts at their concurrency limit. */
    async claim(fullHosts = []) {
      const { tokens } = await queue.claim(fullHosts.map((host) => ({ host, tokens: 0, onlyInteractive: false })));
      return tokens;
    },
    async close() {
      await application.close();
      await database.drop();
    },
  };
}

/** Adds a lane with due tokens. */
export async function addPending(database, host, tokens) {
  const refreshes = await addRefreshes(database, host, tokens, false);
  await database.query(
    `with lane as (
       insert into nft_metadata.lanes (project_id, host) values ('project', $1) returning id
     )
     insert into nft_metadata.refresh_chunks (refresh_id, lane_id, priority, due_at, token_ids)
     select refresh_id, lane.id, 2, now(), array(
       select generate_series(first, least(first + $3::int - 1, $4::int))::numeric
     )
     from lane, unnest($2::uuid[]) as refresh_id, generate_series(1, $4::int, $3::int) as first`,
    [host, refreshes, TOKENS_PER_CHUNK, Math.min(tokens, TOKENS_PER_REFRESH)],
  );
}

/** Adds completed refreshes with their results. */
export async function addFinished(database, host, tokens) {
  const refreshes = await addRefreshes(database, host, tokens, true);
  await database.query(
    `insert into nft_metadata.refresh_results (refresh_id, token_id, verdict, metadata_version, attempts, finished_at)
     select refresh_id, token_id, 'u', 1, 1, now()
     from unnest($1::uuid[]) as refresh_id, generate_series(1, $2::int) as token_id`,
    [refreshes, Math.min(tokens, TOKENS_PER_REFRESH)],
  );
}

/** Returns the ids of refreshes with `tokens` tokens together. */
async function addRefreshes(database, host, tokens, isCompleted) {
  const rows = await database.query(
    `insert into nft_metadata.refreshes
       (id, project_id, collection_id, collection_address, source, total, succeeded, created_at, completed_at)
     select (left(md5($1), 8) || lpad(to_hex(number), 24, '0'))::uuid, 'project', md5('collection')::uuid, '0x0',
       '{"kind":"metadata_api","url":"http://localhost/"}', least($2::int, $3::int),
       case when $4::boolean then least($2::int, $3::int) else 0 end, now(), case when $4::boolean then now() end
     from generate_series(1, ($3::int + $2::int - 1) / $2::int) as number
     returning id`,
    [host, TOKENS_PER_REFRESH, tokens, isCompleted],
  );
  return rows.map(({ id }) => id);
}

/** Disables foreign key checks and the primary key of the results during the bulk insert. */
async function withBulkWriteSettings(database, write) {
  const [{ name, definition }] = await database.query(
    `select conname as name, pg_get_constraintdef(oid) as definition
     from pg_constraint where conrelid = 'nft_metadata.refresh_results'::regclass and contype = 'p'`,
  );
  await database.query(`alter table nft_metadata.refresh_results drop constraint ${name}`);
  await database.query(
    `set session_replication_role = replica; set synchronous_commit = off; set maintenance_work_mem = '512MB'`,
  );
  await write();
  await database.query(`alter table nft_metadata.refresh_results add constraint ${name} ${definition}`);
  await database.query(`reset all`);
}
