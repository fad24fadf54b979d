import { MikroOrmModule } from '@mikro-orm/nestjs';
import { Module } from '@nestjs/common';
import { MetadataEventsModule, NftRefreshModule, nftMetadataMigrations, ProjectDirectory } from 'nestjs-nft-refresh';
import { ListingSearch, searchMigrations, SearchRow } from './listing-search.js';
import { ListingsController } from './listings.controller.js';
import { shopMigrations } from './shop/migrations.js';
import { ShopModule, shopDatabase } from './shop/shop.module.js';
import { UserDirectory } from './user-directory.js';

/** The shop, and beside it all that refreshes metadata. */
@Module({
  imports: [
    shopDatabase([...shopMigrations, ...searchMigrations, ...nftMetadataMigrations]),
    ShopModule,
    NftRefreshModule.forRoot({
      // Who may ask for refreshes: the shop's users, with the keys that they have already.
      projectDirectory: { provide: ProjectDirectory, useClass: UserDirectory },
      projectApiPath: 'nft',
      partnerApiPaths: [],
      safeHttp: { allowedHosts: process.env['ALLOWED_HOSTS']?.split(',') ?? [] },
    }),
    // The shop's search is told what has changed.
    MetadataEventsModule.forRoot({ runDelivery: true }),
    MikroOrmModule.forFeature([SearchRow]),
  ],
  controllers: [ListingsController],
  providers: [ListingSearch],
})
export class MarketplaceModule {}
