// A straightforward Nest service: a controller, entities, and a loop in the same process that fetches a token, loads its record
// and its item, and flushes once per token.
import 'reflect-metadata';
import { randomUUID } from 'node:crypto';
import { defineEntity, MikroORM, p } from '@mikro-orm/core';
import { MikroOrmModule } from '@mikro-orm/nestjs';
import { PostgreSqlDriver } from '@mikro-orm/postgresql';
import { Body, Controller, HttpCode, Inject, Module, Post } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { reportReady } from '../support/processes.mjs';
import { fetchText, metadataUrlOf, normalise } from './axios-metadata.mjs';
import { FETCH_CONCURRENCY } from './settings.mjs';

const Refresh = defineEntity({
  name: 'Refresh',
  tableName: 'refreshes',
  properties: { id: p.uuid().primary(), collection: p.string(), total: p.integer() },
});
const RefreshItem = defineEntity({
  name: 'RefreshItem',
  tableName: 'refresh_items',
  properties: {
    refresh: () => p.manyToOne(Refresh).primary(),
    tokenId: p.string().primary(),
    status: p.string(),
    finishedAt: p.datetime().nullable(),
  },
});
const RefreshError = defineEntity({
  name: 'RefreshError',
  tableName: 'refresh_errors',
  properties: {
    refreshId: p.uuid().primary(),
    tokenId: p.string().primary(),
    reason: p.string(),
    statusCode: p.integer().nullable(),
  },
});
const Token = defineEntity({
  name: 'Token',
  tableName: 'tokens',
  properties: {
    collection: p.string().primary(),
    tokenId: p.string().primary(),
    name: p.text().nullable(),
    description: p.text().nullable(),
    imageUrl: p.text().nullable(),
    externalUrl: p.text().nullable(),
    backgroundColor: p.text().nullable(),
    attributes: p.json().nullable(),
    raw: p.json().nullable(),
    updatedAt: p.datetime().nullable(),
  },
});

class RefreshController {
  #waiting = [];
  #running = 0;

  constructor(orm) {
    this.orm = orm;
  }

  async create({ collection, metadataUrl, tokenIds }) {
    const em = this.orm.em.fork();
    const refresh = em.create(Refresh, { id: randomUUID(), collection, total: tokenIds.length });
    for (const tokenId of tokenIds) em.create(RefreshItem, { refresh, tokenId, status: 'pending' });
    await em.flush();
    this.#waiting.push(...tokenIds.map((tokenId) => ({ refreshId: refresh.id, collection, metadataUrl, tokenId })));
    while (this.#running < FETCH_CONCURRENCY && this.#waiting.length > 0) void this.#work();
    return { refreshId: refresh.id };
  }

  async #work() {
    this.#running += 1;
    for (let job = this.#waiting.shift(); job; job = this.#waiting.shift()) await this.#refreshToken(job);
    this.#running -= 1;
  }

  async #refreshToken(job) {
    const { refreshId, collection, tokenId } = job;
    const em = this.orm.em.fork();
    const item = await em.findOneOrFail(RefreshItem, { refresh: refreshId, tokenId });
    try {
      const metadata = normalise(await fetchText(metadataUrlOf(job)));
      const token = await em.findOneOrFail(Token, { collection, tokenId });
      em.assign(token, { ...metadata, raw: JSON.parse(metadata.raw), updatedAt: new Date() });
      item.status = 'succeeded';
    } catch (error) {
      em.create(RefreshError, {
        refreshId,
        tokenId,
        reason: error.message,
        statusCode: error.response?.status ?? null,
      });
      item.status = 'failed';
    }
    item.finishedAt = new Date();
    await em.flush();
  }
}
// Node runs this file without a compiler, so the decorators are called as functions.
Controller('refreshes')(RefreshController);
Inject(MikroORM)(RefreshController, undefined, 0);
Body()(RefreshController.prototype, 'create', 0);
for (const decorator of [Post(), HttpCode(202)]) {
  decorator(
    RefreshController.prototype,
    'create',
    Object.getOwnPropertyDescriptor(RefreshController.prototype, 'create'),
  );
}

class NaiveModule {}
Module({
  imports: [
    MikroOrmModule.forRoot({
      driver: PostgreSqlDriver,
      clientUrl: process.env.DATABASE_URL,
      entities: [Refresh, RefreshItem, RefreshError, Token],
      pool: { min: 0, max: 25 },
    }),
  ],
  controllers: [RefreshController],
})(NaiveModule);

const app = await NestFactory.create(NaiveModule, { logger: ['error'] });
app.useBodyParser('json', { limit: '1mb' });
await app.listen(0, '127.0.0.1');
reportReady(await app.getUrl());
process.once('SIGTERM', () => process.exit(0));
