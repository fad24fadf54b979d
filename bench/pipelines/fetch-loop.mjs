// Fetching without storage: 64 concurrent loops that fetch and parse. The response to a POST is sent after the last fetch.
import { reportReady } from '../support/processes.mjs';
import { metadataUrlOf, normalise } from './axios-metadata.mjs';
import { servePosts } from './serve-posts.mjs';
import { FETCH_CONCURRENCY } from './settings.mjs';

export async function serveFetchLoop(fetchText) {
  const url = await servePosts(async ({ metadataUrl, tokenIds }) => {
    let next = 0;
    const loop = async () => {
      while (next < tokenIds.length) {
        const tokenId = tokenIds[next++];
        normalise(await fetchText(metadataUrlOf({ metadataUrl, tokenId })));
      }
    };
    await Promise.all(Array.from({ length: FETCH_CONCURRENCY }, loop));
  });
  reportReady(url);
  process.once('SIGTERM', () => process.exit(0));
}
