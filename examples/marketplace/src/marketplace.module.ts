import { Module } from '@nestjs/common';
import { NftRefreshModule, nftMetadataMigrations, ProjectDirectory } from 'nestjs-nft-refresh';
import { ListingsController } from './listings.controller.js';
import { shopMigrations } from './shop/migrations.js';
import { ShopModule, shopDatabase } from './shop/shop.module.js';
import { UserDirectory } from './user-directory.js';

/** The shop, and beside it all that refreshes metadata. */
@Module({
  imports: [
    shopDatabase([...shopMigrations, ...nftMetadataMigrations]),
    ShopModule,
    NftRefreshModule.forRoot({
      // Who may ask for refreshes: the shop's users, with the keys that they have already.
      projectDirectory: { provide: ProjectDirectory, useClass: UserDirectory },
      projectApiPath: 'nft',
      partnerApiPaths: [],
      metadataFetch: { allowedHosts: process.env['ALLOWED_HOSTS']?.split(',') ?? [] },
    }),
  ],
  controllers: [ListingsController],
})
export class MarketplaceModule {}
