// Fetches the URLs of its arguments after a warm-up, and prints the peak growth of its memory in bytes and the number of fetched
// documents.
import 'reflect-metadata';
import { MetadataFetcher, type FetchTarget } from '@app/metadata-fetch';
import { NestFactory } from '@nestjs/core';
import { fetchModules } from './fetch-modules.js';

/** The default concurrency of a worker per host. */
const CONCURRENCY = 8;
const WARM_UPS = 1000;
/** The number of tokens of an argument `chain:ADDRESS`, a contract on the chain of the RPC node NODE_URL. */
const TOKENS = 100;

const [goodUrl = '', ...sources] = process.argv.slice(2);
const { NODE_URL: nodeUrl } = process.env;
const [allowed, chainId] = [[goodUrl, ...(nodeUrl ? [nodeUrl] : [])], 31_337];
const imports = fetchModules({
  allowedHosts: allowed.map((url) => new URL(url).host),
  rpcUrls: nodeUrl ? { [chainId]: nodeUrl } : {},
});
const application = await NestFactory.createApplicationContext(
  { module: class FetchingProgram {}, imports },
  { logger: ['error', 'fatal'] },
);
const fetcher = application.get(MetadataFetcher);

await fetchAll(Array.from({ length: WARM_UPS }, () => targetOf(goodUrl)));
const before = process.memoryUsage.rss();
const fetched = await fetchAll(
  sources.flatMap((source) =>
    source.startsWith('chain:')
      ? Array.from({ length: TOKENS }, (_, id) => tokenOf(source.replace('chain:', ''), id))
      : [targetOf(source)],
  ),
);
process.stdout.write(JSON.stringify({ growth: process.resourceUsage().maxRSS * 1024 - before, fetched }));
await application.close();

function targetOf(url: string): FetchTarget {
  return { source: { kind: 'metadata_api', url }, tokenId: '1' };
}

function tokenOf(address: string, id: number): FetchTarget {
  return { source: { kind: 'chain', chainId, address, uriRule: 'standard' }, tokenId: String(id) };
}

async function fetchAll(targets: readonly FetchTarget[]): Promise<number> {
  fetcher.prepare(targets);
  const waiting = [...targets];
  let fetched = 0;
  const loop = async () => {
    for (let target = waiting.pop(); target; target = waiting.pop()) {
      const { kind } = await fetcher.fetch(target);
      if (kind === 'fetched') fetched += 1;
    }
  };
  await Promise.all(Array.from({ length: CONCURRENCY }, loop));
  return fetched;
}
