// The console beside the queue. First: how long its pages take on a refresh of a million tokens, with ten million attempts, while the same
// process refreshes at full speed; and whether any of their statements reads a large table from end to end. Second: how much
// slower refreshing is while twenty tabs are open.
import { randomUUID } from 'node:crypto';
import { median, percentile, sleep, timed, tokenIds } from './support/measure.mjs';
import { readRefresh, requestAll, Service } from './support/service.mjs';

const SECRET = 'a secret of the operators, for this benchmark';
const VARIABLES = { CONSOLE: 'on', CONSOLE_OPERATOR_SECRET: SECRET };
const HOST_CONCURRENCY = 200;
const FAILED_OF = 100;
const REASONS = ['timeout', 'tls', 'dns'];
const TABS = 20;
/** Refreshes of this many tokens are timed with and without tabs. */
const TIMED_TOKENS = 20_000;
const MAX_PAGE_MS = 100;
const MAX_REASONS_MS = 400;
const LARGE_TABLES = ['refresh_results', 'refresh_errors', 'refresh_attempts', 'refresh_chunks', 'tokens'];

export const consolePages = {
  title: 'The console beside the queue',
  async run({ postgres, metadataHost, options, log }) {
    const pages = await measurePages({ postgres, metadataHost, options, log });
    const tabs = await measureTabs({ postgres, metadataHost, options, log });
    const slowest = (of) =>
      Math.max(...pages.times.filter(([name]) => of(name)).map(([, times]) => percentile(times, 95)));
    const isReasons = (name) => name === 'reasons';
    return {
      goals: [
        {
          case: 'K40',
          text: `p95 of a page on ${options.queued.toLocaleString('en')} tokens while a worker runs, ms`,
          value: slowest((name) => !isReasons(name)),
          atMost: MAX_PAGE_MS,
        },
        { case: 'K40', text: 'p95 of the reasons, ms', value: slowest(isReasons), atMost: MAX_REASONS_MS },
        { case: 'K40', text: 'scans of large tables by pages', value: pages.scans, atMost: 0 },
        { case: 'K41', text: `throughput with ${TABS} open tabs, vs. none`, value: median(tabs.ratios), atLeast: 0.98 },
      ],
      tables: [
        {
          head: ['page', 'median, ms', 'p95, ms', 'slowest, ms'],
          rows: pages.times.map(([name, times]) => [
            name,
            ...[median(times), percentile(times, 95), percentile(times, 100)].map((ms) => ms.toFixed(1)),
          ]),
        },
        {
          head: ['round', 'tokens/s without tabs', `with ${TABS} tabs`, 'ratio'],
          rows: tabs.rounds.map(([without, withTabs], at) => [
            at + 1,
            without.toFixed(0),
            withTabs.toFixed(0),
            (withTabs / without).toFixed(3),
          ]),
        },
      ],
    };
  },
};

async function measurePages({ postgres, metadataHost, options, log }) {
  const database = await postgres.createDatabase('console_pages');
  const service = await Service.prepare(database, metadataHost);
  const project = await service.addProject();
  const url = `${metadataHost.url}/0/small/console`;
  const collection = await service.addCollection(project, url, [], HOST_CONCURRENCY);
  log(`writing a refresh of ${options.queued} tokens, and ${options.finishedTokens} attempts`);
  const refreshId = await writeRefresh(database, { project, collection, url, options });
  await database.vacuum();
  const process = await service.startAll([], VARIABLES);
  const visitor = await Visitor.signIn(process);
  const middle = Math.floor(options.queued / 2);
  const cursor = Buffer.from(JSON.stringify({ tokenId: String(middle) })).toString('base64url');
  const paths = [
    ['overview', 'overview'],
    ['list of refreshes', 'refreshes'],
    ['list, with failures', 'refreshes?status=with-failures'],
    ['refresh', `refreshes/${refreshId}`],
    ['reasons', `refreshes/${refreshId}/reasons`],
    ['tokens, first page', `refreshes/${refreshId}/tokens`],
    ['tokens, from the middle', `refreshes/${refreshId}/tokens?cursor=${cursor}`],
    ['tokens that failed', `refreshes/${refreshId}/tokens?verdict=failed`],
    ['tokens with a rare verdict', `refreshes/${refreshId}/tokens?verdict=held`],
    ['tokens with a rare reason', `refreshes/${refreshId}/tokens?reason=invalid_json`],
    ['one token of the refresh', `refreshes/${refreshId}/tokens?token=${middle}`],
    ['token', `tokens/1/${collection.address}/${middle}`],
    ['attempts at a token', `tokens/1/${collection.address}/${middle}/attempts`],
    ['search for a token', `search?q=${middle}`],
    ['search for a refresh', `search?q=${refreshId}`],
    ['hosts', 'hosts'],
  ];
  // Without a refresh that runs, all scans are those of the pages.
  const before = await countScans(database);
  for (const [, path] of paths) await visitor.read(path);
  const scans = (await countScans(database)) - before;

  let isMeasured = false;
  const refreshing = (async () => {
    while (!isMeasured) {
      const running = await requestAll(process, project, collection);
      while (!isMeasured && (await readRefresh(process, project, running)).status !== 'completed') await sleep(200);
    }
  })();
  const times = paths.map(([name]) => [name, []]);
  for (let round = 0; round < options.pages * 4; round += 1) {
    for (const [index, [, path]] of paths.entries()) {
      times[index][1].push((await timed(() => visitor.read(path))).milliseconds);
    }
  }
  isMeasured = true;
  await refreshing;
  await process.stop();
  await service.close();
  await database.drop();
  return { times, scans };
}

async function measureTabs({ postgres, metadataHost, options, log }) {
  const database = await postgres.createDatabase('console_tabs');
  const service = await Service.prepare(database, metadataHost);
  const project = await service.addProject();
  const ids = tokenIds(TIMED_TOKENS);
  const url = `${metadataHost.url}/0/small/tabs`;
  const collection = await service.addCollection(project, url, ids, HOST_CONCURRENCY);
  const process = await service.startAll([], VARIABLES);
  const visitor = await Visitor.signIn(process);
  const refresh = async () => {
    const { milliseconds } = await timed(async () => {
      const refreshId = await requestAll(process, project, collection);
      while ((await readRefresh(process, project, refreshId)).status !== 'completed') await sleep(50);
    });
    return (ids.length * 1000) / milliseconds;
  };
  // Twice: the first fetches change every token, and the process warms up.
  await refresh();
  const opened = await requestAll(process, project, collection);
  while ((await readRefresh(process, project, opened)).status !== 'completed') await sleep(50);
  const rounds = [];
  for (let round = 0; round < Math.max(3, options.rounds * 2); round += 1) {
    const without = await refresh();
    const tabs = Array.from({ length: TABS }, () => openTab(visitor, opened));
    const withTabs = await refresh();
    for (const tab of tabs) tab.close();
    await Promise.all(tabs.map(({ closed }) => closed));
    log(`${without.toFixed(0)} tokens/s without tabs, ${withTabs.toFixed(0)} with ${TABS}`);
    rounds.push([without, withTabs]);
  }
  await process.stop();
  await service.close();
  await database.drop();
  return { rounds, ratios: rounds.map(([without, withTabs]) => withTabs / without) };
}

/** The page of a running refresh, with what it reads and how often. */
function openTab(visitor, refreshId) {
  let isOpen = true;
  const reading = (path, intervalMs) =>
    (async () => {
      await sleep(Math.random() * intervalMs);
      while (isOpen) {
        await visitor.read(path, true);
        await sleep(intervalMs);
      }
    })();
  const closed = Promise.all([
    reading(`refreshes/${refreshId}`, 2000),
    reading(`refreshes/${refreshId}/reasons`, 4000),
    reading(`refreshes/${refreshId}/tokens?order=latest`, 2000),
    reading('overview', 15_000),
    reading('session', 60_000),
  ]);
  return { closed, close: () => (isOpen = false) };
}

/** A browser of an operator. */
class Visitor {
  #etags = new Map();

  constructor(api, cookie) {
    this.api = api;
    this.cookie = cookie;
  }

  static async signIn({ url }) {
    const api = `${url}/console/api`;
    const response = await fetch(`${api}/session`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'x-nft-console': '1', 'sec-fetch-site': 'same-origin' },
      body: JSON.stringify({ kind: 'operator_secret', secret: SECRET }),
    });
    if (!response.ok) throw new Error(`Signing in failed with ${response.status}`);
    return new Visitor(api, response.headers.get('set-cookie').split(';', 1)[0]);
  }

  /** @param mayBeBusy A page that is told to try again later keeps its rows. */
  async read(path, mayBeBusy = false) {
    const etag = this.#etags.get(path);
    const headers = { cookie: this.cookie, ...(etag && { 'if-none-match': etag }) };
    const response = await fetch(`${this.api}/${path}`, { headers });
    await response.arrayBuffer();
    const isExpected = [200, 304].includes(response.status) || (mayBeBusy && response.status === 503);
    if (!isExpected) throw new Error(`${path} responded with ${response.status}`);
    if (response.headers.has('etag')) this.#etags.set(path, response.headers.get('etag'));
  }
}

/** Sequential scans of the large tables so far. */
async function countScans(database) {
  // The counters of other sessions arrive within a second.
  await sleep(2000);
  const [{ scans }] = await database.query(
    `select coalesce(sum(seq_scan), 0)::int as scans from pg_stat_user_tables
     where schemaname = 'nft_metadata' and relname = any($1)`,
    [LARGE_TABLES],
  );
  return scans;
}

/** A completed refresh, as workers would have left it: one of a hundred tokens has failed, three are held, one for a rare reason. */
async function writeRefresh(database, { project, collection, url, options }) {
  const { queued: tokens, finishedTokens: attempts } = options;
  const id = randomUUID();
  const query = (text, values) => database.query(text, values);
  await query(`insert into nft_metadata.tokens (collection_id, token_id) select $1, generate_series(1, $2::int)`, [
    collection.id,
    tokens,
  ]);
  const failed = Math.floor(tokens / FAILED_OF);
  await query(
    `insert into nft_metadata.refreshes
       (id, project_id, collection_id, collection_address, source, total, succeeded, failed, held, created_at, completed_at)
     values ($1::uuid, $2, $3::uuid, $4, jsonb_build_object('kind', 'metadata_api', 'url', $5::text), $6::int, $6::int - $7::int, $7::int, 3,
       now() - interval '1 hour', now())`,
    [id, project.id, collection.id, collection.address, url, tokens, failed],
  );
  await query(
    `insert into nft_metadata.refresh_results (refresh_id, finished_at, metadata_version, attempts, verdict, token_id)
     select $1::uuid, now() - (1000000 - n) * interval '3 milliseconds', 1, 1,
       case when n % $3::int = 0 then 'f' when n in (7, $2::int / 2 + 7, $2::int - 7) then 'h' else 'u' end::"char", n
     from generate_series(1, $2::int) as n`,
    [id, tokens, FAILED_OF],
  );
  await query(
    `insert into nft_metadata.refresh_errors
       (refresh_id, token_id, metadata_url, error_code, reason, created_at)
     select $1::uuid, n, $4::text, case when n = $2::int then 'unable_to_decode_response' else 'unable_to_retrieve_metadata' end,
       case when n = $2::int then 'invalid_json' else ($5::text[])[1 + (n / $3::int) % cardinality($5::text[])] end,
       now() - interval '10 minutes'
     from generate_series($3::int, $2::int, $3::int) as n`,
    [id, failed * FAILED_OF, FAILED_OF, `${url}/1`, REASONS],
  );
  await query(
    `insert into nft_metadata.refresh_reasons (refresh_id, error_code, reason, count, example_token_id)
     select refresh_id, error_code, reason, count(*), min(token_id) from nft_metadata.refresh_errors
     where refresh_id = $1::uuid group by refresh_id, error_code, reason`,
    [id],
  );
  await query(
    `insert into nft_metadata.refresh_attempts
       (collection_id, token_id, refresh_id, attempt, url, outcome, status_code, duration_ms, bytes, attempted_at)
     select $1::uuid, 1 + n % $2::int, $3::uuid, 1, $4::text, 'fetched', 200, 20, 500, now() - (1 - n::float8 / $5::int) * interval '7 days'
     from generate_series(0, $5::int - 1) as n`,
    [collection.id, tokens, id, `${url}/1`, attempts],
  );
  return id;
}
