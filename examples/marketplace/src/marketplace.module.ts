import { MikroOrmModule } from '@mikro-orm/nestjs';
import { Module } from '@nestjs/common';
import { SkipThrottle } from '@nestjs/throttler';
import { MetadataEventsModule, NftRefreshModule, nftMetadataMigrations, ProjectDirectory } from 'nestjs-nft-refresh';
import { NftRefreshConsoleModule } from 'nestjs-nft-refresh/console';
import { ListingSearch, searchMigrations, SearchRow } from './listing-search.js';
import { ListingsController } from './listings.controller.js';
import { shopMigrations } from './shop/migrations.js';
import { ShopModule, shopDatabase } from './shop/shop.module.js';
import { UserDirectory } from './user-directory.js';

/** The shop with embedded metadata refresh. */
@Module({
  imports: [
    shopDatabase([...shopMigrations, ...searchMigrations, ...nftMetadataMigrations]),
    ShopModule,
    NftRefreshModule.forRoot({
      // The shop's users can request refreshes with their existing API keys.
      projectDirectory: { provide: ProjectDirectory, useClass: UserDirectory },
      projectApiPath: 'nft',
      partnerApiPaths: [],
      safeHttp: { allowedHosts: process.env['ALLOWED_HOSTS']?.split(',') ?? [] },
    }),
    // Delivers events to the shop's search.
    MetadataEventsModule.forRoot({ runDelivery: true }),
    MikroOrmModule.forFeature([SearchRow]),
    // At /api/console. Its pages ask more often than the shop's throttler allows.
    NftRefreshConsoleModule.forRoot({ operatorSecret: process.env['OPERATOR_SECRET'], decorators: [SkipThrottle()] }),
  ],
  controllers: [ListingsController],
  providers: [ListingSearch],
})
export class MarketplaceModule {}
