// Bytes of a finished token in the receipt of its refresh, indexes included. The rows are appended as a worker does: in batches of
// a transaction each, and for several refreshes in turn.
import { openApplication } from './support/service.mjs';

const TOKENS_PER_REFRESH = 1000;
const BATCH_SIZE = 500;
const REFRESHES_IN_TURN = 8;
const PASSES = TOKENS_PER_REFRESH / BATCH_SIZE;

export const storage = {
  title: 'Storage of a finished token',
  async run({ postgres, options }) {
    const database = await postgres.createDatabase('storage');
    const application = await openApplication(database.url);
    await application.close();
    const groups = Math.ceil(options.results / (REFRESHES_IN_TURN * TOKENS_PER_REFRESH));
    for (let group = 0; group < groups; group += 1) {
      const refreshes = Array.from({ length: REFRESHES_IN_TURN }, () => crypto.randomUUID());
      for (let pass = 0; pass < PASSES; pass += 1) {
        for (const refresh of refreshes) await append(database, refresh, pass * BATCH_SIZE, group);
      }
    }
    await database.vacuum();
    const [size] = await database.query(
      `select count(*)::int as rows, pg_relation_size('nft_metadata.refresh_results') as table,
         pg_indexes_size('nft_metadata.refresh_results') as indexes
       from nft_metadata.refresh_results`,
    );
    await database.drop();
    const [table, indexes] = [size.table / size.rows, size.indexes / size.rows];
    const rows = size.rows.toLocaleString('en');
    return {
      goals: [
        {
          text: `bytes of a finished token in the receipt, ${rows} tokens`,
          value: table + indexes,
          atMost: 110,
          digits: 0,
        },
      ],
      tables: [
        {
          head: ['finished tokens', 'bytes in the table', 'bytes in its indexes'],
          rows: [[rows, table.toFixed(0), indexes.toFixed(0)]],
        },
      ],
    };
  },
};

/** One token in a hundred failed. */
async function append(database, refresh, from, group) {
  await database.query(
    `insert into nft_metadata.refresh_results (refresh_id, token_id, verdict, metadata_version, attempts, finished_at)
     select $1, id, case when id % 100 = 0 then 'f' else 'u' end, case when id % 100 <> 0 then 1 end, 1, now()
     from generate_series($2::int + 1, $2::int + $3::int) as id`,
    [refresh, group * TOKENS_PER_REFRESH + from, BATCH_SIZE],
  );
}
