import { contextOf, findTracer, inSpan, linksTo, type SpanStart } from '@app/tracing';
import { EntityManager } from '@mikro-orm/postgresql';
import { Injectable } from '@nestjs/common';
import { ROOT_CONTEXT, type Span } from '@opentelemetry/api';
import { sql } from 'kysely';
import type { MetadataEvent } from './metadata-event.js';

/** Enough for the links of a span. */
const MAX_REFRESHES = 32;

/** The spans of deliveries, in the traces of the refreshes that have caused their events. */
@Injectable()
export class DeliveryTraces {
  constructor(private readonly em: EntityManager) {}

  /**
   * Delivers events in a span. Events of one refresh are delivered in its trace; those of several in a trace of their own, which is linked
   * to theirs. Without an SDK, or if none of the refreshes is traced, there is no span.
   */
  async run<Result>(
    events: readonly MetadataEvent[],
    start: SpanStart,
    deliver: (span: Span | undefined) => Promise<Result>,
  ): Promise<Result> {
    if (!findTracer()) return deliver(undefined);
    const [first, ...others] = await this.findTraceparents(events);
    if (first === undefined) return deliver(undefined);
    if (others.length === 0) return inSpan({ ...start, parent: contextOf(first) }, deliver);
    return inSpan({ ...start, parent: ROOT_CONTEXT, links: linksTo([first, ...others]) }, deliver);
  }

  private async findTraceparents(events: readonly MetadataEvent[]): Promise<string[]> {
    const refreshIds = new Set(events.flatMap(refreshIdsOf));
    if (refreshIds.size === 0) return [];
    try {
      const { rows } = await sql<{ traceparent: string }>`
        select traceparent from nft_metadata.refreshes
        where id = any(${[...refreshIds]}::uuid[]) and traceparent is not null limit ${MAX_REFRESHES}`.execute(
        this.em.fork().getKysely(),
      );
      return rows.map(({ traceparent }) => traceparent);
    } catch {
      // The delivery says what the database has.
      return [];
    }
  }
}

function refreshIdsOf(event: MetadataEvent): readonly string[] {
  switch (event.type) {
    case 'token.metadata.changed':
      return event.refreshIds;
    case 'refresh.completed':
    case 'reveal.published':
    case 'reveal.reverted':
    case 'reveal.blocked':
      return [event.refreshId];
    case 'collection.metadata.changed':
      return [];
  }
}
