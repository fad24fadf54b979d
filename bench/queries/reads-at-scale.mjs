// Latency of pages of a large collection, with filters and orders, against a page without a filter.
import { Agent, request } from 'node:http';
import { TokenStore } from '../../dist/libs/token-store/src/index.js';
import { median, timed } from '../support/measure.mjs';
import { openApplication, Service } from '../support/service.mjs';
import { writeCollection } from './listing-tables.mjs';

const GOAL = 8;
const WARM_UP = 2;

/** Queries of `/listings`. `QUARTER` stands for the lowest score of the highest quarter. */
const LISTINGS = {
  'plain, newest first': '',
  'plain, cheapest first': 'order_by=price',
  'plain, dearest first': 'order_by=price&direction=desc',
  'plain, by name': 'order_by=name',
  'common trait': 'trait.Side=Light',
  'common trait, cheapest first': 'trait.Side=Light&order_by=price',
  'common trait, by name': 'trait.Side=Light&order_by=name',
  'rare trait': 'trait.Trait 5=Value 39',
  'rare trait, cheapest first': 'trait.Trait 5=Value 39&order_by=price',
  'rare trait, by name': 'trait.Trait 5=Value 39&order_by=name',
  'any of six values': Array.from({ length: 6 }, (_, at) => `trait.Trait 4=Value ${20 + at}`).join('&'),
  'three traits': 'trait.Trait 0=Value 1&trait.Trait 3=Value 9&trait.Trait 5=Value 3',
  'three traits, cheapest first': 'trait.Trait 0=Value 1&trait.Trait 3=Value 9&trait.Trait 5=Value 3&order_by=price',
  'two common traits that no token has both of': 'trait.Side=Light&trait.Wings=Bat',
  'the same, cheapest first': 'trait.Side=Light&trait.Wings=Bat&order_by=price',
  'a value that nothing has': 'trait.Side=Grey',
  'numbers from 90 of 100': 'trait.Level>=90',
  'numbers from 90 of 100, dearest first': 'trait.Level>=90&order_by=price&direction=desc',
  'numbers, one of 100': 'trait.Level>=42&trait.Level<=42',
  '500 different numbers': 'trait.Score>=1000&trait.Score<1500&order_by=price',
  'a quarter of all numbers, which all differ': 'trait.Score>=QUARTER&order_by=price',
  'numbers beyond all': 'trait.Score>1000000000',
  'common name': 'q=knight',
  'common name, cheapest first': 'q=knight&order_by=price',
  'rare name': 'q=%237770',
  'rare name, cheapest first': 'q=%237770&order_by=price',
  'a name that nothing has': 'q=zebra',
  'pieces of names, together in none': 'q=monk kni',
  'two characters': 'q=%2377',
  'one character that nothing has': 'q=@',
  'name and trait': 'q=dragon&trait.Trait 1=Value 11',
  'name and traits, in none': 'q=dragon&trait.Side=Light&trait.Wings=Bat&order_by=price',
  'common trait and 500 different numbers': 'trait.Side=Light&trait.Score>=1000&trait.Score<1500',
  'common trait and 40 of 100 numbers, cheapest first':
    'trait.Side=Light&trait.Level>=30&trait.Level<=69&order_by=price',
  'common trait and a quarter of all numbers': 'trait.Side=Light&trait.Score>=QUARTER',
  'common name, from the end of the alphabet': 'q=amber&order_by=name&direction=desc',
  'trait of the dear ones, cheapest first': 'trait.Tier=Gold&order_by=price',
  'trait of the last tokens, by name': 'trait.Generation=9&order_by=name',
  'deep cursor': 'after=100000',
  'deep cursor, cheapest first': 'order_by=price&after=100000',
  'deep cursor, common trait, by name': 'trait.Side=Light&order_by=name&after=100000',
  'deep cursor, rare trait, cheapest first': 'trait.Trait 5=Value 39&order_by=price&after=100000',
};

/** Queries of `TokenStore.pageTokens`. */
const TOKENS = {
  'plain, by id': {},
  'plain, newest first': { orderBy: 'registered', direction: 'desc' },
  'plain, by name': { orderBy: 'name' },
  'common trait': { traits: { Side: ['Light'] } },
  'common trait, by name': { traits: { Side: ['Light'] }, orderBy: 'name' },
  'rare trait': { traits: { 'Trait 5': ['Value 39'] } },
  'rare trait, newest first': { traits: { 'Trait 5': ['Value 39'] }, orderBy: 'registered', direction: 'desc' },
  'three traits': { traits: { 'Trait 0': ['Value 1'], 'Trait 3': ['Value 9'], 'Trait 5': ['Value 3'] } },
  'two common traits that no token has both of': { traits: { Side: ['Light'], Wings: ['Bat'] } },
  'trait of the last tenth': { traits: { Generation: ['9'] } },
  'numbers from 90 of 100': { ranges: [{ traitType: 'Level', atLeast: '90' }] },
  '500 different numbers': { ranges: [{ traitType: 'Score', atLeast: '1000', below: '1500' }] },
  'common trait and 500 different numbers': {
    traits: { Side: ['Light'] },
    ranges: [{ traitType: 'Score', atLeast: '1000', below: '1500' }],
  },
  'common trait and 40 of 100 numbers': {
    traits: { Side: ['Light'] },
    ranges: [{ traitType: 'Level', atLeast: '30', atMost: '69' }],
  },
  'common trait and numbers beyond 1,000 values': {
    traits: { Side: ['Light'] },
    ranges: [{ traitType: 'Score', atLeast: '0', below: '5000' }],
    orderBy: 'registered',
    direction: 'desc',
  },
  'two common traits that no token has both of, and 40 of 100 numbers': {
    traits: { Side: ['Light'], Wings: ['Bat'] },
    ranges: [{ traitType: 'Level', atLeast: '30', atMost: '69' }],
  },
  'common name, from the end of the alphabet': { nameContains: 'amber', orderBy: 'name', direction: 'desc' },
  'common name': { nameContains: 'knight' },
  'rare name': { nameContains: '#7770' },
  'a name that nothing has': { nameContains: 'zebra' },
  'name and traits, in none': { nameContains: 'dragon', traits: { Side: ['Light'], Wings: ['Bat'] } },
};

export const readsAtScale = {
  title: 'Reads at scale',
  async run({ postgres, metadataHost, options, log }) {
    const sizes = [];
    for (const tokens of options.collections) {
      log(`writing ${tokens.toLocaleString('en')} tokens`);
      sizes.push({ tokens, ...(await measure(postgres, metadataHost, tokens, options, log)) });
    }
    const goals = sizes.flatMap(({ tokens, listings, records }) =>
      Object.entries({ 'page of listings': listings, 'page of TokenStore': records }).map(([text, cases]) => ({
        text: `slowest ${text} with a filter or order, vs. plain, ${tokens.toLocaleString('en')} tokens`,
        value: Math.max(...Object.values(cases).map(({ ratio }) => ratio)),
        atMost: GOAL,
      })),
    );
    const table = (title, of, names) => ({
      title,
      head: ['page', ...sizes.flatMap(({ tokens }) => [`${tokens.toLocaleString('en')}: ms`, 'vs. plain', 'rows'])],
      rows: names.map((name) => [
        name,
        ...sizes.flatMap((size) => {
          const { milliseconds, ratio, rows, isPartial } = size[of][name];
          return [milliseconds.toFixed(1), ratio.toFixed(2), `${rows}${isPartial ? ' and more' : ''}`];
        }),
      ]),
    });
    return {
      goals,
      tables: [
        table('`GET /listings`, 50 in a page', 'listings', Object.keys(LISTINGS)),
        table('`TokenStore.pageTokens`, 50 in a page', 'records', Object.keys(TOKENS)),
      ],
    };
  },
};

async function measure(postgres, metadataHost, tokens, options, log) {
  const database = await postgres.createDatabase(`reads_${tokens}`);
  const service = await Service.prepare(database, metadataHost);
  const project = await service.addProject();
  const collection = await service.addCollection(project, 'http://localhost/', []);
  const application = await openApplication(database.url);
  await writeCollection(database, collection, tokens);
  const api = await service.startApi();
  const store = application.get(TokenStore);
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });

  log(`reading ${tokens.toLocaleString('en')} tokens`);
  const listings = {};
  for (const [name, query] of Object.entries(LISTINGS)) {
    const url = await urlOf(database, collection, tokens, query);
    listings[name] = () => get(agent, api.url + url).then(({ result, remaining }) => [result.length, remaining === 1]);
  }
  const records = {};
  for (const [name, query] of Object.entries(TOKENS)) {
    records[name] = () =>
      store
        .pageTokens({ collectionId: collection.id, limit: 50, ...query })
        .then((page) => [page.tokens.length, page.next !== null]);
  }
  const result = {
    listings: await measureInTurn(listings, options.pages),
    records: await measureInTurn(records, options.pages),
  };

  agent.destroy();
  await application.close();
  await api.stop();
  await service.close();
  await database.drop();
  return result;
}

/** Measures the pages in turn, repeatedly, so that other load on the machine affects all of them alike. */
async function measureInTurn(pages, turns) {
  const times = Object.fromEntries(Object.keys(pages).map((name) => [name, []]));
  const found = {};
  for (let turn = 0; turn < WARM_UP + turns; turn += 1) {
    for (const [name, page] of Object.entries(pages)) {
      const { milliseconds, result } = await timed(page);
      found[name] = result;
      if (turn >= WARM_UP) times[name].push(milliseconds);
    }
  }
  const plain = median(Object.values(times)[0]);
  return Object.fromEntries(
    Object.entries(times).map(([name, all]) => {
      const [rows, hasMore] = found[name];
      return [name, { milliseconds: median(all), ratio: median(all) / plain, rows, isPartial: hasMore && rows < 50 }];
    }),
  );
}

async function urlOf(database, collection, tokens, query) {
  const parameters = new URLSearchParams({ collection_address: collection.address });
  for (const [name, value] of new URLSearchParams(query.replace('QUARTER', String((tokens * 3) / 8)))) {
    if (name !== 'after') parameters.append(name, value);
  }
  const depth = new URLSearchParams(query).get('after');
  if (depth)
    parameters.append('cursor', await cursorAt(database, parameters.get('order_by'), Math.min(depth, tokens / 4)));
  return `/listings?${parameters}`;
}

async function cursorAt(database, order, depth) {
  const { columns, label } = {
    null: { columns: ['id desc'], label: 'created_at:desc' },
    price: { columns: ['price', 'id'], label: 'price:asc' },
    name: { columns: ['name_key', 'id'], label: 'name:asc' },
  }[order];
  const [row] = await database.query(
    `select array[${columns.map((column) => `${column.split(' ')[0]}::text`).join(', ')}] as position
     from marketplace.listings as listing order by ${columns.map((column) => `listing.${column}`).join(', ')} offset $1 limit 1`,
    [depth],
  );
  return Buffer.from(JSON.stringify({ order: label, position: row.position })).toString('base64url');
}

function get(agent, url) {
  return new Promise((done, fail) => {
    const sent = request(url, { agent });
    sent.on('error', fail).on('response', (response) => {
      const chunks = [];
      response
        .on('data', (chunk) => chunks.push(chunk))
        .on('end', () => {
          const text = Buffer.concat(chunks).toString();
          if (response.statusCode === 200) done(JSON.parse(text));
          else fail(new Error(`${url} responded with ${response.statusCode}: ${text}`));
        });
    });
    sent.end();
  });
}
