import { entityManagerOf } from '@app/database';
import { EventOutbox } from '@app/metadata-refresh';
import { checkNames } from '@app/module-options';
import { ConfigurableModuleBuilder, Module, type DynamicModule } from '@nestjs/common';
import { BackgroundDelivery } from './background-delivery.js';
import { DatabaseEventOutbox } from './database-event-outbox.js';
import { DeliveryTraces } from './delivery-traces.js';
import { EventCursors } from './event-cursors.js';
import { EventDelivery } from './event-delivery.js';
import { EventOverview } from './event-overview.js';
import { EventPublisher } from './event-publisher.js';
import { EventReader } from './event-reader.js';
import { EventRetention } from './event-retention.js';
import { EventStatusReader } from './event-status.js';
import { MetadataEvents } from './metadata-events.js';
import {
  METADATA_EVENTS_CONFIG,
  metadataEventsOptions,
  type MetadataEventsOptions,
} from './metadata-events.options.js';
import { WebhookClient } from './webhook-client.js';
import { WebhookCounts } from './webhook-counts.js';
import { WebhookSubscribers } from './webhook-subscribers.js';
import { Webhooks } from './webhooks.js';

/** Settings that determine the module's providers. */
export interface MetadataEventsExtras {
  /**
   * Whether this process delivers events and deletes expired ones once an hour. Default false: the host calls
   * `EventDelivery` and `EventRetention` itself, or this process only writes events that other processes deliver.
   */
  runDelivery?: boolean;
  /**
   * The name of the host application's MikroORM connection to the database with our tables. Default: the connection
   * without a name.
   */
  contextName?: string | undefined;
}

const NAME = 'MetadataEventsModule';
const STANDARD_EXTRAS = { runDelivery: false, contextName: undefined };

const { ConfigurableModuleClass, MODULE_OPTIONS_TOKEN } = new ConfigurableModuleBuilder<MetadataEventsOptions>({
  moduleName: 'MetadataEvents',
  optionsInjectionToken: Symbol('MetadataEventsOptions'),
})
  .setClassMethodName('forRoot')
  .setExtras<MetadataEventsExtras>(STANDARD_EXTRAS, (module, given) => {
    checkNames(NAME, module, given, { options: metadataEventsOptions.names, extras: Object.keys(STANDARD_EXTRAS) });
    const { runDelivery, contextName } = given;
    return {
      ...module,
      // MetadataRefreshModule injects the outbox from here; without it, no events are written.
      global: true,
      providers: [
        ...(module.providers ?? []),
        entityManagerOf({
          module: NAME,
          contextName,
          singletonReason:
            'Consumers that are registered with one of them would not receive what the other one delivers.',
        }),
        ...(runDelivery ? [BackgroundDelivery] : []),
      ],
    };
  })
  .build();

/**
 * Events with their outbox, consumers and webhooks. Only processes with this module write events: import it in every
 * process that runs a worker or accepts refreshes. Needs MetadataRefreshModule and MetadataFetchModule.
 */
@Module({
  providers: [
    {
      provide: METADATA_EVENTS_CONFIG,
      inject: [MODULE_OPTIONS_TOKEN],
      useFactory: (given: MetadataEventsOptions) => metadataEventsOptions.complete(given),
    },
    { provide: EventOutbox, useClass: DatabaseEventOutbox },
    MetadataEvents,
    DeliveryTraces,
    EventCursors,
    EventPublisher,
    EventReader,
    EventDelivery,
    EventRetention,
    EventOverview,
    EventStatusReader,
    WebhookClient,
    WebhookCounts,
    WebhookSubscribers,
    Webhooks,
  ],
  exports: [
    EventOutbox,
    EventDelivery,
    EventOverview,
    EventRetention,
    EventStatusReader,
    MetadataEvents,
    WebhookCounts,
    Webhooks,
  ],
})
export class MetadataEventsModule extends ConfigurableModuleClass {
  static override forRoot(options: MetadataEventsOptions & MetadataEventsExtras = {}): DynamicModule {
    return super.forRoot(options);
  }
}
