import { MikroORM } from '@mikro-orm/postgresql';
import { ValidationPipe, VersioningType, type INestApplication, type Type } from '@nestjs/common';
import { HttpAdapterHost, NestFactory } from '@nestjs/core';
import { ExpressAdapter } from '@nestjs/platform-express';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { ShopErrors } from './shop/shop-errors.filter.js';

/** The shop, on Express or Fastify, on a migrated database. */
export async function createApp(module: Type): Promise<INestApplication> {
  const adapter = process.env['PLATFORM'] === 'fastify' ? new FastifyAdapter() : new ExpressAdapter();
  const app = await NestFactory.create(module, adapter, { logger: ['error', 'warn'] });
  app.setGlobalPrefix('api');
  app.enableVersioning({ type: VersioningType.URI, defaultVersion: '2' });
  app.useGlobalPipes(new ValidationPipe({ whitelist: true, forbidNonWhitelisted: true, transform: true }));
  app.useGlobalFilters(new ShopErrors(app.get(HttpAdapterHost)));
  app.enableShutdownHooks();
  await app.get(MikroORM).migrator.up();
  return app;
}

export async function serve(module: Type): Promise<void> {
  const app = await createApp(module);
  await app.listen(process.env['PORT'] ?? 3000, '127.0.0.1');
  process.stdout.write(`listening at ${await app.getUrl()}\n`);
}
