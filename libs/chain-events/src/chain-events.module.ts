import { entityManagerOf } from '@app/database';
import { checkNames } from '@app/module-options';
import {
  ConfigurableModuleBuilder,
  Injectable,
  Module,
  type DynamicModule,
  type OnApplicationBootstrap,
} from '@nestjs/common';
import { BackfillRunner } from './backfill/backfill-runner.js';
import { Backfills } from './backfill/backfills.js';
import { ChainCursors } from './chain-cursors.js';
import { CHAIN_EVENTS_CONFIG, chainEventsOptions, type ChainEventsOptions } from './chain-events.options.js';
import { ChainOverview } from './chain-overview.js';
import { ChainReadings } from './chain-readings.js';
import { ChainStatuses } from './chain-status.js';
import { ChainWatcher } from './chain-watcher.js';
import { EventClaims } from './pending/event-claims.js';
import { EventDrain } from './pending/event-drain.js';
import { PendingEvents } from './pending/pending-events.js';
import { RefreshRounds } from './rounds/refresh-rounds.js';
import { ChainLogs } from './watch/chain-logs.js';
import { EventIntake } from './watch/event-intake.js';
import { WatchedCollections } from './watched-collections.js';

/** Settings that determine the module's providers. */
export interface ChainEventsExtras {
  /** Whether other modules can inject the exports without importing this module. Default: true. */
  isGlobal?: boolean;
  /**
   * The name of the host application's MikroORM connection to the database with our tables. Default: the connection
   * without a name.
   */
  contextName?: string | undefined;
  /**
   * Whether this process watches chains, if `enabled`. Default false: the host calls `ChainWatcher` itself, or other processes
   * watch.
   */
  runWatcher?: boolean;
}

const NAME = 'ChainEventsModule';
const STANDARD_EXTRAS = { isGlobal: true, contextName: undefined, runWatcher: false };

/** Starts the watcher with the application. It has a shutdown hook of its own. */
@Injectable()
class WatcherRunner implements OnApplicationBootstrap {
  constructor(private readonly watcher: ChainWatcher) {}

  onApplicationBootstrap(): void {
    this.watcher.start();
  }
}

const { ConfigurableModuleClass, MODULE_OPTIONS_TOKEN } = new ConfigurableModuleBuilder<ChainEventsOptions>({
  moduleName: 'ChainEvents',
  optionsInjectionToken: Symbol('ChainEventsOptions'),
})
  .setClassMethodName('forRoot')
  .setExtras<ChainEventsExtras>(STANDARD_EXTRAS, (module, given) => {
    checkNames(NAME, module, given, { options: chainEventsOptions.names, extras: Object.keys(STANDARD_EXTRAS) });
    const { isGlobal = true, contextName, runWatcher } = given;
    return {
      ...module,
      global: isGlobal,
      providers: [
        ...(module.providers ?? []),
        entityManagerOf({
          module: NAME,
          contextName,
          singletonReason: 'There would be two watchers in one process, and two sets of options.',
        }),
        ...(runWatcher ? [WatcherRunner] : []),
      ],
    };
  })
  .build();

/**
 * Events of contracts, and the refreshes that they cause. Off unless `enabled`. Needs TokenStoreModule, MetadataFetchModule and
 * MetadataRefreshModule.
 */
@Module({
  providers: [
    {
      provide: CHAIN_EVENTS_CONFIG,
      inject: [MODULE_OPTIONS_TOKEN],
      useFactory: (given: ChainEventsOptions) => chainEventsOptions.complete(given),
    },
    BackfillRunner,
    Backfills,
    ChainCursors,
    ChainLogs,
    ChainOverview,
    ChainReadings,
    ChainStatuses,
    ChainWatcher,
    EventClaims,
    EventDrain,
    EventIntake,
    PendingEvents,
    RefreshRounds,
    WatchedCollections,
  ],
  exports: [Backfills, ChainOverview, ChainReadings, ChainStatuses, ChainWatcher, WatchedCollections],
})
export class ChainEventsModule extends ConfigurableModuleClass {
  static override forRoot(options: ChainEventsOptions & ChainEventsExtras = {}): DynamicModule {
    return super.forRoot(options);
  }
}
