// A collection of a million tokens, and refreshes of ten tokens of another project meanwhile, from another metadata host.
import { sleep, timed, tokenIds } from './measure.mjs';
import { startMetadataHost } from './metadata-host.mjs';
import { readRefresh, requestRefresh, Service } from './service.mjs';

const TOKENS = 10;
const SMALL_COLLECTION_TOKENS = 10_000;
/** The default of the service. */
export const DEFAULT_HOST_CONCURRENCY = 8;

export async function prepareLargeBesideSmall(
  name,
  { postgres, metadataHost, options },
  hostConcurrency = DEFAULT_HOST_CONCURRENCY,
) {
  const otherHost = await startMetadataHost();
  const database = await postgres.createDatabase(name);
  const service = await Service.prepare(database, metadataHost, otherHost);
  const [large, small] = [await service.addProject(), await service.addProject()];
  const all = await service.addCollection(large, `${metadataHost.url}/0/small/all`, [], hostConcurrency);
  const url = `${otherHost.url}/0/small/little`;
  const little = await service.addCollection(small, url, tokenIds(SMALL_COLLECTION_TOKENS), DEFAULT_HOST_CONCURRENCY);
  await database.query(
    `insert into nft_metadata.tokens (collection_id, token_id) select $1, generate_series(1, $2::int)`,
    [all.id, options.queued],
  );
  await database.vacuum();
  let requested = 0;
  return {
    service,
    /** The project of the large collection. */
    large,
    all,
    /** A refresh of ten tokens, to its end. Returns the milliseconds that it took. */
    async refreshFew(api) {
      const ids = tokenIds(TOKENS, 1 + (requested % SMALL_COLLECTION_TOKENS));
      requested += TOKENS;
      const { milliseconds } = await timed(async () => {
        const id = await requestRefresh(api, small, little, ids);
        while ((await readRefresh(api, small, id)).status !== 'completed') await sleep(5);
      });
      return milliseconds;
    },
    async close() {
      await service.close();
      await database.drop();
      await otherHost.stop();
    },
  };
}
