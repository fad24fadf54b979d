// What the receipt of a finished token takes on disk: a million results, written as a worker writes them.
import { timeOrderedUuid } from '../../dist/libs/metadata-refresh/src/time-ordered-uuid.js';
import { openApplication } from '../support/service.mjs';

const TOKENS_PER_REFRESH = 1000;
/** A completion writes up to this many results. */
const BATCH_SIZE = 500;
/** Refreshes that are written in turns: each has a place of its own in the index. */
const REFRESHES_IN_TURN = 8;
/** Every hundredth token fails: it is in the index of failures as well. */
const FAILED_OF = 100;

export const receiptSize = {
  title: 'Storage of a finished token',
  async run({ postgres, options, log }) {
    const tokens = options.receipts;
    const database = await postgres.createDatabase('receipt_size');
    await (await openApplication(database.url)).close();
    log(`writing ${tokens.toLocaleString('en')} results`);
    for (let written = 0; written < tokens; written += TOKENS_PER_REFRESH * REFRESHES_IN_TURN) {
      const refreshes = Array.from({ length: REFRESHES_IN_TURN }, () => timeOrderedUuid());
      for (let first = 1; first <= TOKENS_PER_REFRESH; first += BATCH_SIZE) {
        for (const refreshId of refreshes) await writeBatch(database, refreshId, written + first);
      }
    }
    await database.vacuum();
    const [size] = await database.query(
      `select count(*)::int as rows, pg_relation_size('nft_metadata.refresh_results')::float8 as table,
         pg_indexes_size('nft_metadata.refresh_results')::float8 as indexes,
         pg_total_relation_size('nft_metadata.refresh_results')::float8 as total
       from nft_metadata.refresh_results`,
    );
    await database.drop();
    const bytes = (part) => (part / size.rows).toFixed(1);
    return {
      goals: [
        { text: 'receipt of a finished token, in bytes with its index', value: size.total / size.rows, atMost: 110 },
      ],
      tables: [
        {
          head: ['finished tokens', 'row, bytes', 'indexes, bytes', 'together, bytes'],
          rows: [[size.rows.toLocaleString('en'), bytes(size.table), bytes(size.indexes), bytes(size.total)]],
        },
      ],
    };
  },
};

function writeBatch(database, refreshId, firstTokenId) {
  return database.query(
    `insert into nft_metadata.refresh_results (refresh_id, finished_at, metadata_version, attempts, verdict, token_id)
     select $1, now(), 1, 1, case when token_id % $4::int = 0 then 'f' else 'u' end::"char", token_id
     from generate_series($2::int, $2::int + $3::int - 1) as token_id`,
    [refreshId, firstTokenId, BATCH_SIZE, FAILED_OF],
  );
}
