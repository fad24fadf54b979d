// CPU time of one fetch: MetadataFetcher, which validates, limits, decodes, normalises and hashes, against clients that only
// download the text. All run in this process, against the same host, in turn.
import 'reflect-metadata';
import { NestFactory } from '@nestjs/core';
import { MetadataFetcher, MetadataFetchModule } from '../dist/libs/metadata-fetch/src/index.js';
import { SafeHttpModule } from '../dist/libs/safe-http/src/index.js';
import { fetchText as fetchWithAxios } from './pipelines/axios-metadata.mjs';
import { FETCH_CONCURRENCY } from './pipelines/settings.mjs';
import { fetchText as fetchWithUndici } from './pipelines/undici-text.mjs';
import { onCleanUp } from './support/clean-up.mjs';
import { median, medianRatio } from './support/measure.mjs';
import { DOCUMENTS } from './support/metadata-host.mjs';

/** Fetches before the first measurement, so that V8 has compiled the hot code. */
const WARM_UP = 10_000;
/** Measurements of each client. They are short and alternate, so that other load on the machine affects all clients alike. */
const TURNS = 15;

export const fetchCost = {
  title: 'CPU of one fetch',
  async run({ metadataHost, options, log }) {
    const imports = [
      SafeHttpModule.forRoot({ allowedHosts: [new URL(metadataHost.url).host] }),
      MetadataFetchModule.forRoot(),
    ];
    const application = await NestFactory.createApplicationContext(
      { module: class FetchCost {}, imports },
      { logger: ['error', 'fatal'] },
    );
    onCleanUp(() => application.close());
    const fetcher = application.get(MetadataFetcher, { strict: false });
    const contenders = {
      'axios, text only': (url, tokenId) => fetchWithAxios(`${url}/${tokenId}`),
      'undici, text only': (url, tokenId) => fetchWithUndici(`${url}/${tokenId}`),
      'this service, normalised record': async (url, tokenId) => {
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
      const [baseline] = Object.values(cpu);
      tables.push({
        title: label,
        head: ['client', 'CPU, µs', 'vs. axios'],
        rows: Object.entries(cpu).map(([name, values]) => [
          name,
          median(values).toFixed(0),
          medianRatio(values, baseline).toFixed(2),
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
  await Promise.all(Array.from({ length: FETCH_CONCURRENCY }, loop));
  const { user, system } = process.cpuUsage(before);
  return (user + system) / count;
}
