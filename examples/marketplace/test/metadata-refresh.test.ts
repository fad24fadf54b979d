import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { EntityManager } from '@mikro-orm/postgresql';
import { randomWallet, signedHeaders, TestMarketplace } from 'nestjs-nft-refresh/testing';
import request from 'supertest';

const collectionAddress = '0x5fbdb2315678afecb367f032d93f642f64180aa3';
const shop = await TestMarketplace.start({
  environment: (settings) => ({ DATABASE_URL: settings.databaseUrl, ALLOWED_HOSTS: settings.metadataHost.host }),
  app: async () => {
    const [{ createApp }, { MarketplaceModule }] = await Promise.all([
      import('../src/serve.js'),
      import('../src/marketplace.module.js'),
    ]);
    return createApp(MarketplaceModule);
  },
  // The users of the shop are its projects: the collection belongs to Ann.
  register: async (app, { owner, metadataHost }) => {
    const { Collection, Offer, User } = await import('../src/shop/entities.js');
    const em = app.get(EntityManager).fork();
    const ann = em.create(User, { name: 'Ann', wallet: owner.address.toLowerCase(), apiKey: 'shop-ann' });
    const cats = { address: collectionAddress, title: 'Cats', metadataUrl: metadataHost.url, owner: ann };
    const collection = em.create(Collection, cats);
    for (const tokenId of ['7', '8']) em.persist(em.create(Offer, { collection, tokenId, price: '10' }));
    await em.flush();
    await request(app.getHttpServer()).post(`/api/v2/listings/${collectionAddress}`).expect(201);
    return collectionAddress;
  },
});
after(() => shop.stop());

const listings = async () =>
  (await request(shop.app.getHttpServer()).get(`/api/v2/listings/${collectionAddress}`).expect(200)).body as object[];

test('the listings of the shop show what the metadata host serves', async () => {
  shop.metadataHost.respond('7', 200, { name: 'Seven' }).respond('8', 404);

  const { refresh } = await shop.refresh();

  assert.deepEqual([refresh.succeeded, refresh.failed], [1, 1]);
  assert.deepEqual(await listings(), [
    { tokenId: '7', price: '10', name: 'Seven' },
    { tokenId: '8', price: '10', name: null },
  ]);
});

test('a metadata host that is overloaded delays a token, and does not fail it', async () => {
  shop.metadataHost.script('7', { behaviour: 'responds with 503' }, { status: 200, body: { name: 'Siete' } });

  const { records } = await shop.refresh(['7']);

  assert.equal(records[0]?.name, 'Siete');
});

test('a seller requests a refresh with the wallet of the shop account', async () => {
  const refresh = { collection_address: collectionAddress, token_ids: ['7'] };
  const post = (headers: Record<string, string>) =>
    request(shop.app.getHttpServer()).post('/api/nft/metadata-refreshes').set(headers).send(refresh);

  await post(await shop.signedHeaders()).expect(202);
  await post(await signedHeaders(randomWallet())).expect(401);
});
