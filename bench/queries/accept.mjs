// Latency of a POST of 1,000 tokens over HTTP, with API key, validation and quota, against the bare insert of a row for each token
// and against a Nest route without checks. Sequential requests, in turn.
import { randomUUID } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { Agent, request as httpRequest } from 'node:http';
import pg from 'pg';
import { onCleanUp } from '../support/clean-up.mjs';
import { median, timed, tokenIds } from '../support/measure.mjs';
import { Program } from '../support/processes.mjs';
import { Service } from '../support/service.mjs';
import { CREATE_ROW_QUEUE, INSERT_ROWS } from './row-queue.mjs';

const BARE_NEST_ROUTE = fileURLToPath(new URL('./bare-nest-route.mjs', import.meta.url));
const TOKENS = tokenIds(1000);
const WARM_UP = 15;
const READS_FOR_EACH_POST = 5;

export const accept = {
  title: 'Latency of a POST of 1,000 tokens and of a GET',
  async run({ postgres, metadataHost, options }) {
    const database = await postgres.createDatabase('accept');
    const service = await Service.prepare(database, metadataHost);
    const project = await service.addProject();
    const collection = await service.addCollection(project, `${metadataHost.url}/0/small/accept`, TOKENS);
    const api = await service.startApi();
    const client = new pg.Client({ connectionString: database.url });
    await client.connect();
    onCleanUp(() => client.end());
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });

    const headers = { 'x-api-key': project.apiKey, 'content-type': 'application/json' };
    const body = JSON.stringify({ collection_address: collection.address, token_ids: TOKENS });
    const post = (url) => send(`${url}/v1/metadata-refreshes`, { method: 'POST', agent, headers }, body);
    const { refresh_id: refreshId } = await post(api.url);
    const read = (url) => send(`${url}/v1/metadata-refreshes/${refreshId}`, { method: 'GET', agent, headers });
    await client.query(CREATE_ROW_QUEUE);
    const bare = await Program.start(BARE_NEST_ROUTE, { env: { DATABASE_URL: database.url } });
    const insert = await rawInsert(client);

    const work = {
      servicePost: () => timed(() => post(api.url)),
      barePost: () => timed(() => post(bare.url)),
      rawInsert: () => insert(),
      serviceRead: () => timed(() => read(api.url)),
      bareRead: () => timed(() => read(bare.url)),
    };
    const times = Object.fromEntries(Object.keys(work).map((name) => [name, []]));
    for (let turn = 0; turn < WARM_UP + options.posts; turn += 1) {
      for (const [name, once] of Object.entries(work)) {
        for (let time = 0; time < (name.endsWith('Read') ? READS_FOR_EACH_POST : 1); time += 1) {
          const { milliseconds } = await once();
          if (turn >= WARM_UP) times[name].push(milliseconds);
        }
      }
    }
    agent.destroy();
    await client.end();
    await bare.stop();
    await api.stop();
    await service.close();
    await database.drop();

    const row = (label, name, baseline) => {
      const p99 = times[name].toSorted((a, b) => a - b)[Math.floor(times[name].length * 0.99)];
      const ratio = median(times[name]) / median(times[baseline]);
      return [label, median(times[name]).toFixed(1), p99.toFixed(1), ratio.toFixed(2)];
    };
    return {
      goals: [
        {
          text: 'POST of 1,000 tokens, vs. the raw insert',
          value: median(times.servicePost) / median(times.rawInsert),
          atMost: 2,
        },
      ],
      tables: [
        {
          head: ['sequential', 'median, ms', 'p99, ms', 'vs. baseline'],
          rows: [
            row('POST of 1,000 tokens, this service', 'servicePost', 'rawInsert'),
            row('POST of 1,000 tokens, a Nest route without checks', 'barePost', 'rawInsert'),
            row('raw insert of 1,000 rows', 'rawInsert', 'rawInsert'),
            row('GET of a refresh, this service', 'serviceRead', 'bareRead'),
            row('GET of a refresh, a Nest route without checks', 'bareRead', 'bareRead'),
          ],
        },
      ],
    };
  },
};

/** One prepared insert into a queue with a row for each token. The refresh row exists already. */
async function rawInsert(client) {
  const { rows } = await client.query(`select * from nft_metadata.refreshes limit 1`);
  return async () => {
    const id = randomUUID();
    await client.query(
      `insert into nft_metadata.refreshes (id, project_id, collection_id, collection_address, source, total, created_at)
       values ($1, $2, $3, $4, $5, $6, now())`,
      [id, rows[0].project_id, rows[0].collection_id, rows[0].collection_address, rows[0].source, TOKENS.length],
    );
    return timed(() => client.query({ name: 'insert-rows', text: INSERT_ROWS, values: [id, TOKENS] }));
  };
}

function send(url, { headers, ...options }, body = '') {
  return new Promise((done, fail) => {
    const request = httpRequest(url, {
      ...options,
      headers: { ...headers, 'content-length': Buffer.byteLength(body) },
    });
    request.on('error', fail).on('response', (response) => {
      const chunks = [];
      response
        .on('data', (chunk) => chunks.push(chunk))
        .on('end', () => {
          const text = Buffer.concat(chunks).toString();
          if (response.statusCode >= 300) fail(new Error(`${url} responded with ${response.statusCode}: ${text}`));
          else done(JSON.parse(text));
        });
    });
    request.end(body);
  });
}
