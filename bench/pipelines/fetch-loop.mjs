// What fetching alone costs: 64 loops that fetch, parse and keep nothing. The answer to a POST is that all is fetched.
import { sayReady } from '../support/processes.mjs';
import { metadataUrlOf, normalise } from './axios-metadata.mjs';
import { servePosts } from './serve-posts.mjs';
import { FETCHES_AT_ONCE } from './settings.mjs';

export async function serveFetchLoop(fetchText) {
  const url = await servePosts(async ({ metadataUrl, tokenIds }) => {
    let next = 0;
    const loop = async () => {
      while (next < tokenIds.length) {
        const tokenId = tokenIds[next++];
        normalise(await fetchText(metadataUrlOf({ metadataUrl, tokenId })));
      }
    };
    await Promise.all(Array.from({ length: FETCHES_AT_ONCE }, loop));
  });
  sayReady(url);
  process.once('SIGTERM', () => process.exit(0));
}
