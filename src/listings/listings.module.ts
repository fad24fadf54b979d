import { Module } from '@nestjs/common';
import { ListingsController } from './listings.controller.js';
import { Listings } from './listings.js';

/** A downstream module, as a marketplace has it: reads TokenStore, and its own table. */
@Module({ controllers: [ListingsController], providers: [Listings], exports: [Listings] })
export class ListingsModule {}
