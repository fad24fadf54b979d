import { readFileSync } from 'node:fs';
const { openApplication, Service } = await import('/work/wt/reads/bench/support/service.mjs');
const { TokenStore } = await import('/work/wt/reads/dist/libs/token-store/src/index.js');
const { median, timed } = await import('/work/wt/reads/bench/support/measure.mjs');
const { NestFactory } = await import('/work/wt/reads/node_modules/@nestjs/core/index.js');
const { AppModule } = await import('/work/wt/reads/dist/src/app.module.js');
const { readEnvironment } = await import('/work/wt/reads/dist/src/config/environment.js');
const { Listings } = await import('/work/wt/reads/dist/src/listings/listings.js');
const { parseListingQuery } = await import('/work/wt/reads/dist/src/listings/listing-query.js');
const { parse } = await import('node:querystring');
const { url, collection } = JSON.parse(readFileSync('/tmp/reads/ready'));
const source = readFileSync('/work/wt/reads/bench/queries/reads-at-scale.mjs', 'utf8');
const pick = (name) => new Function('return ' + source.match(new RegExp(`const ${name} = (\\{[\\s\\S]*?\\n\\});`))[1])();
const [LISTINGS, TOKENS] = [pick('LISTINGS'), pick('TOKENS')];
const app = await NestFactory.createApplicationContext(AppModule.forRoot({ ...readEnvironment({ RUN_MODE: 'api', DATABASE_URL: url }), databaseUrl: url }, {}), { logger: ['error'], abortOnError: false });
const store = app.get(TokenStore), listings = app.get(Listings);
const all = {};
for (const [n, q] of Object.entries(TOKENS)) all['T ' + n] = () => store.pageTokens({ collectionId: collection.id, limit: 50, ...q }).then((p) => [p.tokens.length, p.next !== null]);
for (const [n, q] of Object.entries(LISTINGS)) { if (q.includes('after=')) continue; const query = parseListingQuery(parse(`collection_address=${collection.address}&` + q.replace('QUARTER', '375000').replace(/%(?![0-9A-F]{2})/g,'%25'))); all['L ' + n] = () => listings.list(query).then((p) => [p.listings.length, p.next !== null]); }
const turns = Number(process.argv[2] ?? 9), times = {}, found = {};
const only = process.argv[3] && new RegExp(process.argv[3]);
for (let t = 0; t < turns + 2; t++) for (const [n, f] of Object.entries(all)) { if (only && !only.test(n) && !/plain/.test(n)) continue; const { milliseconds, result } = await timed(f); found[n] = result; if (t > 1) (times[n] ??= []).push(milliseconds); }
const plain = { T: median(times['T plain, by id']), L: median(times['L plain, newest first']) };
for (const [n, ts] of Object.entries(times)) console.log((median(ts) / plain[n[0]]).toFixed(1).padStart(5), median(ts).toFixed(1).padStart(7), String(found[n][0]).padStart(4), found[n][1] && found[n][0] < 50 ? 'more' : '    ', n);
await app.close(); process.exit(0);
