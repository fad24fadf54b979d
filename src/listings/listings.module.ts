import { Module } from '@nestjs/common';
import { ListingsController } from './listings.controller.js';
import { Listings } from './listings.js';

/** An example of a downstream module of a marketplace: reads TokenStore and a table of its own. */
@Module({ controllers: [ListingsController], providers: [Listings], exports: [Listings] })
export class ListingsModule {}
