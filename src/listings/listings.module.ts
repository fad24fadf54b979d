import { RequestObserver } from '@app/refresh-api';
import { Module, type NestModule } from '@nestjs/common';
import { ModuleRef } from '@nestjs/core';
import { ListingsController } from './listings.controller.js';
import { Listings } from './listings.js';

/** An example of a downstream module of a marketplace: reads TokenStore and a table of its own. */
@Module({ controllers: [ListingsController], providers: [Listings], exports: [Listings] })
export class ListingsModule implements NestModule {
  constructor(private readonly modules: ModuleRef) {}

  /** Nest calls this before it registers routes. */
  configure(): void {
    this.modules.get(RequestObserver, { strict: false }).observeBelow(ListingsModule, 'listings');
  }
}
