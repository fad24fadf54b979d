// What one fetch costs in CPU: MetadataFetcher, which checks, counts, decodes, normalises and hashes, against clients that only
// bring the text. All in this process and on the same host, in turn.
import 'reflect-metadata';
import { NestFactory } from '@nestjs/core';
import { MetadataFetcher, MetadataFetchModule } from '../dist/libs/metadata-fetch/src/index.js';
import { SafeHttpModule } from '../dist/libs/safe-http/src/index.js';
import { fetchText as fetchWithAxios } from './pipelines/axios-metadata.mjs';
import { FETCHES_AT_ONCE } from './pipelines/settings.mjs';
import { fetchText as fetchWithUndici } from './pipelines/undici-text.mjs';
import { whenDone } from './support/clean-up.mjs';
import { median, medianRatio } from './support/measure.mjs';
import { DOCUMENTS } from './support/metadata-host.mjs';

/** Enough that the compiler has nothing left to do. */
const WARM_UP = 10_000;
/** Of so many fetches each: one turn is short, so that what else the machine does meets everybody. */
const TURNS = 15;

export const fetchCost = {
  title: 'CPU of one fetch',
  async run({ metadataHost, options, log }) {
    const application = await NestFactory.createApplicationContext(
      SafeHttpModule.forRoot({ allowedHosts: [new URL(metadataHost.url).host] }),
      MetadataFetchModule.forRoot(),
      { logger: ['error', 'fatal'] },
    );
    whenDone(() => application.close());
    const fetcher = application.get(MetadataFetcher);
    const contenders = {
      'axios, the text alone': (url, tokenId) => fetchWithAxios(`${url}/${tokenId}`),
      'undici, the text alone': (url, tokenId) => fetchWithUndici(`${url}/${tokenId}`),
      'this service, to the normalised record': async (url, tokenId) => {
        const { kind } = await fetcher.fetch({ source: { kind: 'metadata_api', url }, tokenId });
        if (kind !== 'fetched') throw new Error(`token ${tokenId} was not fetched: ${kind}`);
      },
    };

    const tables = [];
    for (const [document, { label }] of Object.entries(DOCUMENTS)) {
      const url = `${metadataHost.url}/0/${document}`;
      const cpu = Object.fromEntries(Object.keys(contenders).map((name) => [name, []]));
      for (const fetch of Object.values(contenders)) await cpuPerFetch(fetch, url, WARM_UP);
      for (let turn = 0; turn < TURNS; turn += 1) {
        for (const [name, fetch] of Object.entries(contenders)) {
          cpu[name].push(await cpuPerFetch(fetch, url, options.tokens));
        }
      }
      log(`with documents of ${label}`);
      const [bare] = Object.values(cpu);
      tables.push({
        title: label,
        head: ['client', 'µs of CPU', 'over axios'],
        rows: Object.entries(cpu).map(([name, values]) => [
          name,
          median(values).toFixed(0),
          medianRatio(values, bare).toFixed(2),
        ]),
      });
    }
    return { tables };
  },
};

/** In microseconds. */
async function cpuPerFetch(fetch, url, count) {
  const before = process.cpuUsage();
  let next = 0;
  const loop = async () => {
    while (next < count) await fetch(url, String((next += 1)));
  };
  await Promise.all(Array.from({ length: FETCHES_AT_ONCE }, loop));
  const { user, system } = process.cpuUsage(before);
  return (user + system) / count;
}
