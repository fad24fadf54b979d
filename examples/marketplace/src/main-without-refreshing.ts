import 'reflect-metadata';
import { Module } from '@nestjs/common';
import { serve } from './serve.js';
import { shopMigrations } from './shop/migrations.js';
import { ShopModule, shopDatabase } from './shop/shop.module.js';

/** The shop without nestjs-nft-refresh, for comparison. */
@Module({ imports: [shopDatabase(shopMigrations), ShopModule] })
class ShopAlone {}

await serve(ShopAlone);
