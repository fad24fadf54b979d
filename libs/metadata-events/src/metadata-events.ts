import { REQUESTED_TRIGGERS, type RefreshTrigger } from '@app/metadata-refresh';
import { ModuleLogger } from '@app/logging';
import { Inject, Injectable } from '@nestjs/common';
import { SpanKind } from '@opentelemetry/api';
import { DeliveryTraces } from './delivery-traces.js';
import { findTriggerMistake } from './event-triggers.js';
import { ConsumerNameTaken, InvalidConsumerName, InvalidTriggers } from './metadata-events.errors.js';
import type { MetadataEvent, MetadataEventOf, MetadataEventType } from './metadata-event.js';
import { METADATA_EVENTS_CONFIG, type MetadataEventsConfig } from './metadata-events.options.js';
import { retrySeconds, type Delivered, type DeliveryState, type Subscriber } from './subscriber.js';

/** Handles events of one type, in order. If it throws, it is called again with the same events, perhaps followed by more. */
export type EventHandler<Type extends MetadataEventType> = (
  events: readonly MetadataEventOf<Type>[],
) => Promise<void> | void;

/** What else selects the events of a consumer. */
export interface ConsumerOptions {
  /**
   * Of `refresh.completed`: only refreshes with one of these triggers. Default: `REQUESTED_TRIGGERS`, what projects and operators
   * request; pass `REFRESH_TRIGGERS` for all. Changes of tokens are delivered whatever the trigger.
   */
  triggers?: readonly RefreshTrigger[];
}

/** Delivers events to handlers in the host's own process. */
@Injectable()
export class MetadataEvents {
  private readonly logger = new ModuleLogger('MetadataEvents');
  private readonly byName = new Map<string, Subscriber>();

  constructor(
    @Inject(METADATA_EVENTS_CONFIG) private readonly config: MetadataEventsConfig,
    private readonly traces: DeliveryTraces,
  ) {}

  /**
   * Subscribes to events of one type from now on: at-least-once delivery, in batches of 1 to `consumerBatchSize`, the
   * events of one token in order. The consumer's name identifies its offset in the stream, which is kept in the database:
   * after downtime it receives everything that it missed, and of several processes with the same consumer one at a time is
   * called. A consumer with another name receives every event as well. Each consumer waits only for its own handler.
   *
   * A handler that throws is called again with the same events, after a delay that doubles up to five minutes, until it
   * succeeds. Call this before the application has started, in a constructor or `onModuleInit`. Throws
   * ConsumerNameTaken, InvalidConsumerName, InvalidTriggers.
   */
  on<Type extends MetadataEventType>(
    type: Type,
    consumer: string,
    handle: EventHandler<Type>,
    { triggers = REQUESTED_TRIGGERS }: ConsumerOptions = {},
  ): void {
    if (!/^[\w.-]{1,100}$/.test(consumer)) throw new InvalidConsumerName(consumer);
    const mistake = findTriggerMistake(triggers);
    if (mistake) throw new InvalidTriggers(consumer, mistake);
    const name = `${consumer}/${type}`;
    if (this.byName.has(name)) throw new ConsumerNameTaken(consumer, type);
    this.byName.set(name, {
      filter: { types: [type], triggers, limit: this.config.consumerBatchSize },
      // The filter lets only events of this type through.
      deliver: (events, state) => this.call(name, () => handle(events as never), events, state),
    });
  }

  /** The consumers of this process, by the names of their cursors. */
  get names(): string[] {
    return [...this.byName.keys()];
  }

  find(name: string): Subscriber | undefined {
    return this.byName.get(name);
  }

  private async call(
    name: string,
    handle: () => Promise<void> | void,
    events: readonly MetadataEvent[],
    { attempt }: DeliveryState,
  ): Promise<Delivered> {
    const attributes = {
      'nft_refresh.consumer': name,
      'nft_refresh.event.type': events[0]!.type,
      'nft_refresh.attempt': attempt,
      'messaging.batch.message_count': events.length,
    };
    try {
      await this.traces.run(events, { name: 'deliver events', kind: SpanKind.CONSUMER, attributes }, async () =>
        handle(),
      );
      return { kind: 'delivered', count: events.length };
    } catch (error) {
      const { consumerRetryBaseSeconds, consumerRetryMaxDelaySeconds } = this.config;
      const retryInSeconds = retrySeconds(attempt, consumerRetryBaseSeconds, consumerRetryMaxDelaySeconds);
      this.logger.warn({
        msg: 'event consumer threw an error',
        consumer: name,
        attempt,
        retryInSeconds,
        error: String(error),
      });
      return { kind: 'failed', error: String(error), retryInSeconds };
    }
  }
}
