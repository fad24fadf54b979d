// A process that fetches and does nothing else. After good answers it fetches what its arguments name, and prints by how many
// bytes its memory grew at most.
import 'reflect-metadata';
import { MetadataFetcher, MetadataFetchModule } from '@app/metadata-fetch';
import { NestFactory } from '@nestjs/core';

/** What a worker asks one host at once, unless told otherwise. */
const AT_ONCE = 8;
const WARM_UPS = 1000;

const [goodUrl = '', ...urls] = process.argv.slice(2);
const application = await NestFactory.createApplicationContext(
  MetadataFetchModule.forRoot({ allowedHosts: [new URL(goodUrl).host] }),
  { logger: ['error', 'fatal'] },
);
const fetcher = application.get(MetadataFetcher);

await fetchAll(Array.from({ length: WARM_UPS }, () => goodUrl));
const before = process.memoryUsage.rss();
await fetchAll(urls);
process.stdout.write(`${process.resourceUsage().maxRSS * 1024 - before}\n`);
await application.close();

async function fetchAll(all: readonly string[]): Promise<void> {
  const waiting = [...all];
  const loop = async () => {
    for (let url = waiting.pop(); url !== undefined; url = waiting.pop()) {
      await fetcher.fetch({ source: { kind: 'metadata_api', url }, tokenId: '1' });
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, loop));
}
