// What the receipt of a finished token takes on disk: a million results, written as a worker writes them.
import { timeOrderedUuid } from '../../dist/libs/metadata-refresh/src/time-ordered-uuid.js';
import { openApplication } from '../support/service.mjs';

const TOKENS_PER_REFRESH = 1000;
/** A completion writes up to this many results. */
const BATCH_SIZE = 500;
/** Every hundredth token fails: it is in the index of failures as well. */
const FAILED_OF = 100;

export const receiptSize = {
  title: 'Storage of a finished token',
  async run({ postgres, options, log }) {
    const sizes = [];
    for (const refreshesInBatch of [1, 2]) {
      log(`writing ${options.receipts.toLocaleString('en')} results of ${refreshesInBatch} refreshes in a batch`);
      sizes.push(await measure(postgres, options.receipts, refreshesInBatch));
    }
    const [oneByOne, inTurns] = sizes;
    const row = (label, { table, indexes }) => [label, ...[table, indexes, table + indexes].map((n) => n.toFixed(1))];
    return {
      goals: [
        {
          text: 'receipt of a finished token, in bytes with its indexes',
          value: oneByOne.table + oneByOne.indexes,
          atMost: 110,
        },
      ],
      tables: [
        {
          head: [
            `${options.receipts.toLocaleString('en')} finished tokens`,
            'row, bytes',
            'indexes, bytes',
            'together',
          ],
          rows: [row('one refresh after the other', oneByOne), row('two refreshes in each batch', inTurns)],
        },
      ],
    };
  },
};

/** Bytes for each result. */
async function measure(postgres, tokens, refreshesInBatch) {
  const database = await postgres.createDatabase(`receipts_${refreshesInBatch}`);
  await (await openApplication(database.url)).close();
  const each = BATCH_SIZE / refreshesInBatch;
  for (let written = 0; written < tokens; written += TOKENS_PER_REFRESH * refreshesInBatch) {
    const refreshes = Array.from({ length: refreshesInBatch }, () => timeOrderedUuid());
    for (let first = 1; first <= TOKENS_PER_REFRESH; first += each) await writeBatch(database, refreshes, first, each);
  }
  await database.vacuum();
  const [size] = await database.query(
    `select count(*)::int as rows, pg_table_size('nft_metadata.refresh_results')::float8 as table,
       pg_indexes_size('nft_metadata.refresh_results')::float8 as indexes
     from nft_metadata.refresh_results`,
  );
  await database.drop();
  return { table: size.table / size.rows, indexes: size.indexes / size.rows };
}

function writeBatch(database, refreshes, firstTokenId, tokens) {
  return database.query(
    `insert into nft_metadata.refresh_results (refresh_id, finished_at, metadata_version, attempts, verdict, token_id)
     select refresh_id, now(), case when token_id % $4::int <> 0 then 1 end, 1, case when token_id % $4::int = 0 then 'f' else 'u' end::"char", token_id
     from unnest($1::uuid[]) as refresh_id, generate_series($2::int, $2::int + $3::int - 1) as token_id
     order by refresh_id, token_id`,
    [refreshes, firstTokenId, tokens, FAILED_OF],
  );
}
