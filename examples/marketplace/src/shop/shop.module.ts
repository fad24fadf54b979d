import { Migrator } from '@mikro-orm/migrations';
import { MikroOrmModule } from '@mikro-orm/nestjs';
import { PostgreSqlDriver, type Options } from '@mikro-orm/postgresql';
import { Module } from '@nestjs/common';
import { APP_GUARD } from '@nestjs/core';
import { ScheduleModule } from '@nestjs/schedule';
import { ThrottlerGuard, ThrottlerModule } from '@nestjs/throttler';
import { ClosingTime } from './closing-time.js';
import { Collection, Offer, User } from './entities.js';
import { OffersController } from './offers.controller.js';

/** The shop without nestjs-nft-refresh: its own global throttler, schedule, entities and routes. */
@Module({
  imports: [
    ThrottlerModule.forRoot([{ ttl: 60_000, limit: 8 }]),
    ScheduleModule.forRoot(),
    MikroOrmModule.forFeature([User, Collection, Offer]),
  ],
  controllers: [OffersController],
  providers: [ClosingTime, { provide: APP_GUARD, useClass: ThrottlerGuard }],
})
export class ShopModule {}

/** The database connection of the shop, with its migrations. */
export function shopDatabase(migrationsList: NonNullable<Options['migrations']>['migrationsList']) {
  return MikroOrmModule.forRoot({
    driver: PostgreSqlDriver,
    clientUrl: process.env['DATABASE_URL']!,
    autoLoadEntities: true,
    extensions: [Migrator],
    migrations: { migrationsList, snapshot: false },
    // Excludes the tables of the package from schema:update and migration:create.
    schemaGenerator: { ignoreSchema: ['nft_metadata'], skipTables: [/^nft_metadata\./] },
  });
}
