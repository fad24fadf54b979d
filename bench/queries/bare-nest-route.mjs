// A Nest route without checks that inserts a refresh and a row for each token with two statements. Node runs this file without a compiler, so the
// decorators are called as functions.
import 'reflect-metadata';
import { randomUUID } from 'node:crypto';
import { Body, Controller, Get, HttpCode, Module, Param, Post } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import pg from 'pg';
import { reportReady } from '../support/processes.mjs';
import { INSERT_ROWS } from './row-queue.mjs';

const pool = new pg.Pool({ connectionString: process.env.DATABASE_URL, max: 10 });
const [collection] = (await pool.query('select id, address, project_id from nft_metadata.collections limit 1')).rows;

class BareController {
  async create({ token_ids }) {
    const id = randomUUID();
    const client = await pool.connect();
    try {
      await client.query('begin');
      await client.query(
        `insert into nft_metadata.refreshes (id, project_id, collection_id, collection_address, source, total, created_at)
         values ($1, $2, $3, $4, '{"kind":"metadata_api","url":"http://localhost/"}', $5, now())`,
        [id, collection.project_id, collection.id, collection.address, token_ids.length],
      );
      await client.query(INSERT_ROWS, [id, token_ids]);
      await client.query('commit');
    } finally {
      client.release();
    }
    return { refresh_id: id };
  }

  async get(id) {
    return (await pool.query('select * from nft_metadata.refreshes where id = $1', [id])).rows[0];
  }
}

Controller('v1/metadata-refreshes')(BareController);
decorate('create', Post(), HttpCode(202));
Body()(BareController.prototype, 'create', 0);
decorate('get', Get(':id'));
Param('id')(BareController.prototype, 'get', 0);

class BareModule {}
Module({ controllers: [BareController] })(BareModule);

const app = await NestFactory.create(BareModule, { logger: ['error'] });
await app.listen(0, '127.0.0.1');
reportReady(await app.getUrl());
process.once('SIGTERM', () => process.exit(0));

function decorate(method, ...decorators) {
  const descriptor = Object.getOwnPropertyDescriptor(BareController.prototype, method);
  for (const decorator of decorators) decorator(BareController.prototype, method, descriptor);
}
