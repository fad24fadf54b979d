import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { EntityManager } from '@mikro-orm/postgresql';
import type { INestApplication } from '@nestjs/common';
import { MetadataHost, randomWallet, refreshed, signedHeaders, TestPostgres } from 'nestjs-nft-refresh/testing';
import request from 'supertest';

const collectionAddress = '0x5fbdb2315678afecb367f032d93f642f64180aa3';
const ann = randomWallet();
const postgres = await TestPostgres.start();
const metadataHost = await MetadataHost.start();
const { url, clock } = await postgres.createDatabase();
let app: INestApplication;

before(async () => {
  Object.assign(process.env, { DATABASE_URL: url, ALLOWED_HOSTS: metadataHost.host });
  const [{ createApp }, { MarketplaceModule }, { Collection, Offer, User }] = await Promise.all([
    import('../src/serve.js'),
    import('../src/marketplace.module.js'),
    import('../src/shop/entities.js'),
  ]);
  app = await createApp(MarketplaceModule);
  await app.init();
  const em = app.get(EntityManager).fork();
  const owner = em.create(User, { name: 'Ann', wallet: ann.address.toLowerCase(), apiKey: 'shop-ann' });
  const collection = em.create(Collection, {
    address: collectionAddress,
    title: 'Cats',
    metadataUrl: metadataHost.url,
    owner,
  });
  for (const tokenId of ['7', '8']) em.persist(em.create(Offer, { collection, tokenId, price: '10' }));
  await em.flush();
  await request(app.getHttpServer()).post(`/api/v2/listings/${collectionAddress}`).expect(201);
});
after(async () => {
  await app.close();
  await Promise.all([metadataHost.close(), postgres.stop()]);
});

const listings = async () =>
  (await request(app.getHttpServer()).get(`/api/v2/listings/${collectionAddress}`).expect(200)).body as object[];

test('the listings of the shop show what the metadata host serves', async () => {
  metadataHost.respond('7', 200, { name: 'Seven' }).respond('8', 404);

  const { refresh } = await refreshed(app, { collectionAddress, clock });

  assert.deepEqual([refresh.succeeded, refresh.failed], [1, 1]);
  assert.deepEqual(await listings(), [
    { tokenId: '7', price: '10', name: 'Seven' },
    { tokenId: '8', price: '10', name: null },
  ]);
});

test('a metadata host that is overloaded delays a token, and does not fail it', async () => {
  metadataHost.script('7', { behaviour: 'responds with 503' }, { status: 200, body: { name: 'Siete' } });

  const { records } = await refreshed(app, { collectionAddress, tokenIds: ['7'], clock });

  assert.equal(records[0]?.name, 'Siete');
});

test('a seller requests a refresh with the wallet of the shop account', async () => {
  const refresh = { collection_address: collectionAddress, token_ids: ['7'] };
  const post = (headers: Record<string, string>) =>
    request(app.getHttpServer()).post('/api/nft/metadata-refreshes').set(headers).send(refresh);

  await post(await signedHeaders(ann)).expect(202);
  await post(await signedHeaders(randomWallet())).expect(401);
});
