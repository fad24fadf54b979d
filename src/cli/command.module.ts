import { Backfills, ChainEventsModule, ChainStatuses, WatchedCollections } from '@app/chain-events';
import { MetadataEventsModule, Webhooks } from '@app/metadata-events';
import { ContractTokens, MetadataFetchModule } from '@app/metadata-fetch';
import {
  CollectionRecords,
  MetadataRefreshModule,
  MetadataRefreshService,
  Refreshes,
  RefreshWorker,
  Reveals,
  TokenVersions,
} from '@app/metadata-refresh';
import { ProjectAuthModule, Projects } from '@app/project-auth';
import { SafeHttpModule } from '@app/safe-http';
import { CollectionProfiles, Collections, TokenStore, TokenStoreModule, TraitRecount } from '@app/token-store';
import { Module, type DynamicModule } from '@nestjs/common';
import type { Environment } from '../config/environment.js';
import { idleLimit } from '../database/connection-limits.js';
import { ormModule } from '../database/orm-module.js';
import { Listings } from '../listings/listings.js';

/** The services of commands. */
export const services = {
  backfills: Backfills,
  chains: ChainStatuses,
  collections: Collections,
  contractTokens: ContractTokens,
  listings: Listings,
  profiles: CollectionProfiles,
  projects: Projects,
  records: CollectionRecords,
  refreshes: Refreshes,
  refreshing: MetadataRefreshService,
  reveals: Reveals,
  tokens: TokenStore,
  traitRecount: TraitRecount,
  versions: TokenVersions,
  watches: WatchedCollections,
  webhooks: Webhooks,
  worker: RefreshWorker,
};

/** By name, so that commands need not import the classes, and `--help` loads none. */
export type Services = { [Name in keyof typeof services]: InstanceType<(typeof services)[Name]> };

/** The application without its routes and schedule, which take half of the time that it needs to load. */
@Module({})
export class CommandModule {
  static forRoot(environment: Environment & { databaseUrl: string }): DynamicModule {
    const { projectAuth, safeHttp, metadataFetch, metadataRefresh, metadataEvents, chainEvents } = environment.options;
    return {
      module: CommandModule,
      imports: [
        // Commands may run for minutes.
        ormModule(environment, idleLimit),
        TokenStoreModule.forRoot(),
        SafeHttpModule.forRoot(safeHttp),
        MetadataFetchModule.forRoot(metadataFetch),
        MetadataRefreshModule.forRoot(metadataRefresh),
        ProjectAuthModule.forRoot(projectAuth),
        MetadataEventsModule.forRoot(metadataEvents),
        ChainEventsModule.forRoot(chainEvents),
      ],
      providers: [Listings],
    };
  }
}
