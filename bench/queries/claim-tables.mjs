// Queues filled with SQL: through the API, ten million items would take hours.
import { RefreshQueue } from '../../dist/libs/metadata-refresh/src/refresh-queue.js';
import { openApplication } from '../support/service.mjs';

const ITEMS_PER_REFRESH = 1000;
const LANES = 50;
const PENDING = 20_000;

/** A database with 20,000 due items in 50 lanes, and the RefreshQueue of the application. */
export async function openQueueWith(postgres, name, fill = async () => {}) {
  const database = await postgres.createDatabase(name);
  const application = await openApplication(database.url);
  await withBulkWriteSettings(database, async () => {
    await fill(database);
    // As in production, the planner statistics are older than the pending items.
    await database.vacuum();
    for (let lane = 1; lane <= LANES; lane += 1) {
      await addItems(database, { host: `host-${lane}`, items: PENDING / LANES });
    }
  });
  const queue = application.get(RefreshQueue, { strict: false });
  return {
    /** Excludes `fullHosts`, as a worker does with hosts at their concurrency limit. */
    async claim(fullHosts = []) {
      const { tokens } = await queue.claim(fullHosts.map((host) => ({ host, room: 0, onlyInteractive: true })));
      return tokens;
    },
    async close() {
      await application.close();
      await database.drop();
    },
  };
}

/** Adds a lane with items. Returns the id of the lane. */
export async function addItems(database, { host, items, finished = false }) {
  const [{ id: lane }] = await database.query(
    `insert into nft_metadata.lanes (project_id, host) values ('project', $1) returning id`,
    [host],
  );
  await database.query(
    `with refresh as (
       insert into nft_metadata.refreshes
         (id, project_id, collection_id, collection_address, source, total, succeeded, created_at, completed_at)
       select (left(md5($1), 8) || lpad(to_hex(number), 24, '0'))::uuid, 'project', md5('collection')::uuid, '0x0',
         '{"kind":"metadata_api","url":"http://localhost/"}', least($2::int, $3::int),
         case when $4::boolean then least($2::int, $3::int) else 0 end, now(), case when $4::boolean then now() end
       from generate_series(1, ($3::int + $2::int - 1) / $2::int) as number
       returning id
     )
     insert into nft_metadata.refresh_items (refresh_id, lane_id, token_id, status, due_at, finished_at)
     select refresh.id, $5::int, token_id, case when $4::boolean then 'succeeded' else 'pending' end, now(),
       case when $4::boolean then now() end
     from refresh
     cross join generate_series(1, least($2::int, $3::int)) as token_id`,
    [host, ITEMS_PER_REFRESH, items, finished, lane],
  );
  return lane;
}

/** Disables foreign key checks and unique constraints during the bulk insert. */
async function withBulkWriteSettings(database, write) {
  const uniques = await database.query(
    `select conname as name, pg_get_constraintdef(oid) as definition
     from pg_constraint where conrelid = 'nft_metadata.refresh_items'::regclass and contype = 'u'`,
  );
  for (const { name } of uniques)
    await database.query(`alter table nft_metadata.refresh_items drop constraint ${name}`);
  await database.query(
    `set session_replication_role = replica; set synchronous_commit = off; set maintenance_work_mem = '512MB'`,
  );
  await write();
  for (const { name, definition } of uniques) {
    await database.query(`alter table nft_metadata.refresh_items add constraint ${name} ${definition}`);
  }
  await database.query(`reset all`);
}
