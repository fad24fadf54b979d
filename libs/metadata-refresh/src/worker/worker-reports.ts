import { hostname } from 'node:os';
import { bigintArray, describeDatabaseError, integerArray, textArray } from '@app/database';
import type { FetchOutcome } from '@app/metadata-fetch';
import { packageVersion } from '@app/module-options';
import { EntityManager } from '@mikro-orm/postgresql';
import { ModuleLogger } from '@app/logging';
import { Injectable } from '@nestjs/common';
import { sql } from 'kysely';
import { toTokenError } from '../completion/token-error.js';
import { addDuration, noDurations, type Durations } from '../overview/host-durations.js';
import { HostWorkers } from './host-workers.js';

const HEARTBEAT_INTERVAL_MS = 2000;
const RESPONSES_INTERVAL_MS = 10_000;

/** The responses of a host with one outcome since they were saved last. */
interface Responses {
  host: string;
  outcome: string;
  count: number;
  totalMs: number;
  durations: Durations;
}

/**
 * Tells those who look at the service that this worker lives, and how hosts respond to it: one statement every two seconds and one
 * every ten, however many tokens it processes. Nothing depends on them: what could not be saved is saved with the next ones.
 */
@Injectable()
export class WorkerReports {
  private readonly logger = new ModuleLogger('MetadataRefresh');
  private readonly name = `${hostname()} · ${process.pid}`;
  private readonly version = packageVersion();
  private readonly responses = new Map<string, Responses>();
  private responsesSavedAt = performance.now();
  private timer: NodeJS.Timeout | undefined;
  private saving: Promise<void> | undefined;

  constructor(
    private readonly em: EntityManager,
    private readonly hostWorkers: HostWorkers,
  ) {}

  /** A request to a host has ended. */
  record(host: string, outcome: FetchOutcome): void {
    const name =
      outcome.kind === 'fetched' || outcome.kind === 'not_modified' ? outcome.kind : toTokenError(outcome).reason;
    const key = `${name} ${host}`;
    let responses = this.responses.get(key);
    if (!responses) {
      responses = { host, outcome: name, count: 0, totalMs: 0, durations: noDurations() };
      this.responses.set(key, responses);
    }
    responses.count += 1;
    responses.totalMs += outcome.durationMs;
    addDuration(responses.durations, outcome.durationMs);
  }

  /** Until `stop`. */
  start(): void {
    if (this.timer) return;
    // Without a second one behind a save that waits for the database.
    this.timer = setInterval(() => void (this.saving ?? this.save()), HEARTBEAT_INTERVAL_MS);
    void this.save();
  }

  /** Saves that the worker lives, and the responses if that is due or `isLast`. Never throws. */
  save({ isLast = false } = {}): Promise<void> {
    const before = this.saving ?? Promise.resolve();
    const saved = before
      .then(() => this.saveNow(isLast))
      .finally(() => {
        if (this.saving === saved) this.saving = undefined;
      });
    this.saving = saved;
    return saved;
  }

  /** Saves the remaining reports, and that the worker has ended. Never throws. */
  async stop(): Promise<void> {
    clearInterval(this.timer);
    this.timer = undefined;
    await this.save({ isLast: true });
    await this.quietly(() =>
      sql`
        update nft_metadata.refresh_workers set stopped_at = now() where worker_id = ${this.hostWorkers.workerId}::uuid`.execute(
        this.em.fork().getKysely(),
      ),
    );
  }

  private async saveNow(isLast: boolean): Promise<void> {
    await this.quietly(() => this.sendHeartbeat());
    const now = performance.now();
    if (!isLast && now - this.responsesSavedAt < RESPONSES_INTERVAL_MS) return;
    this.responsesSavedAt = now;
    await this.quietly(() => this.saveResponses());
  }

  private async sendHeartbeat(): Promise<void> {
    await sql`
      insert into nft_metadata.refresh_workers (worker_id, name, version, started_at, last_heartbeat_at)
      values (${this.hostWorkers.workerId}::uuid, ${this.name}, ${this.version}, now(), now())
      on conflict (worker_id) do update set last_heartbeat_at = excluded.last_heartbeat_at, stopped_at = null`.execute(
      this.em.fork().getKysely(),
    );
  }

  /** Adds them to the present minute of the database. In key order, so that workers cannot deadlock. */
  private async saveResponses(): Promise<void> {
    const rows = [...this.responses.values()];
    if (rows.length === 0) return;
    this.responses.clear();
    try {
      await sql`
        insert into nft_metadata.refresh_host_minutes as known (host, minute, outcome, responses, total_ms, durations)
        select host, date_trunc('minute', now()), outcome, responses, total_ms, durations::int[]
        from unnest(
          ${textArray(rows.map(({ host }) => host))}::text[], ${textArray(rows.map(({ outcome }) => outcome))}::text[],
          ${integerArray(rows.map(({ count }) => count))}::int[],
          ${bigintArray(rows.map(({ totalMs }) => Math.round(totalMs)))}::bigint[],
          ${textArray(rows.map(({ durations }) => `{${durations.join(',')}}`))}::text[]
        ) as reported (host, outcome, responses, total_ms, durations)
        order by host, outcome
        on conflict (host, minute, outcome) do update
        set responses = known.responses + excluded.responses, total_ms = known.total_ms + excluded.total_ms,
          durations = array(
            select pair.one + pair.other
            from unnest(known.durations, excluded.durations) with ordinality as pair (one, other, place)
            order by pair.place
          )`.execute(this.em.fork().getKysely());
    } catch (error) {
      for (const row of rows) this.putBack(row);
      throw error;
    }
  }

  private putBack(row: Responses): void {
    const key = `${row.outcome} ${row.host}`;
    const newer = this.responses.get(key);
    if (newer) {
      row.count += newer.count;
      row.totalMs += newer.totalMs;
      row.durations = row.durations.map((count, index) => count + newer.durations[index]!);
    }
    this.responses.set(key, row);
  }

  private async quietly(work: () => Promise<unknown>): Promise<void> {
    try {
      await work();
    } catch (error) {
      this.logger.debug({ msg: 'worker report not saved', error: describeDatabaseError(error) });
    }
  }
}
