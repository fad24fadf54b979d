import { Inject, Injectable, Logger } from '@nestjs/common';
import { ConsumerNameTaken, InvalidConsumerName } from './metadata-events.errors.js';
import type { MetadataEventOf, MetadataEventType } from './metadata-event.js';
import { METADATA_EVENTS_CONFIG, type MetadataEventsConfig } from './metadata-events.options.js';
import { retrySeconds, type Delivered, type DeliveryState, type Subscriber } from './subscriber.js';

/** Takes events of one type, in order. When it throws, the same events come again, with more behind them perhaps. */
export type EventHandler<Type extends MetadataEventType> = (
  events: readonly MetadataEventOf<Type>[],
) => Promise<void> | void;

/** What a host is told, in its own process. */
@Injectable()
export class MetadataEvents {
  private readonly logger = new Logger('MetadataEvents');
  private readonly byName = new Map<string, Subscriber>();

  constructor(@Inject(METADATA_EVENTS_CONFIG) private readonly config: MetadataEventsConfig) {}

  /**
   * Be told of events of one type from now on, at least once each, in batches of 1 to `consumerBatchSize`, what happened to
   * one token in its order. The consumer's name is its place in the stream, kept in the database: it is told of
   * everything that happened while it was away, and of several processes with the same consumer one at a time is told.
   * Another name is another consumer, who is told of everything as well. Each consumer waits for its own handler only.
   *
   * A handler that throws is called again with the same events, after a pause that doubles up to five minutes, until it
   * takes them. Call this before the application has started, in a constructor or `onModuleInit`. Throws
   * ConsumerNameTaken, InvalidConsumerName.
   */
  on<Type extends MetadataEventType>(type: Type, consumer: string, handle: EventHandler<Type>): void {
    if (!/^[\w.-]{1,100}$/.test(consumer)) throw new InvalidConsumerName(consumer);
    const name = `${consumer}/${type}`;
    if (this.byName.has(name)) throw new ConsumerNameTaken(consumer, type);
    this.byName.set(name, {
      filter: { types: [type], limit: this.config.consumerBatchSize },
      // Of this type, by the filter.
      deliver: (events, state) => this.call(name, () => handle(events as never), events.length, state),
    });
  }

  /** The consumers of this process, as their cursors are called. */
  get names(): string[] {
    return [...this.byName.keys()];
  }

  find(name: string): Subscriber | undefined {
    return this.byName.get(name);
  }

  private async call(
    name: string,
    handle: () => Promise<void> | void,
    count: number,
    { attempt }: DeliveryState,
  ): Promise<Delivered> {
    try {
      await handle();
      return { kind: 'delivered', count };
    } catch (error) {
      const { consumerRetryBaseSeconds, consumerRetryMaxDelaySeconds } = this.config;
      const retryInSeconds = retrySeconds(attempt, consumerRetryBaseSeconds, consumerRetryMaxDelaySeconds);
      this.logger.warn({ msg: 'a consumer threw', consumer: name, attempt, retryInSeconds, error: String(error) });
      return { kind: 'failed', error: String(error), retryInSeconds };
    }
  }
}
