import { EntityManager } from '@mikro-orm/postgresql';
import { describeDatabaseError } from '@app/database';
import { ModuleLogger } from '@app/logging';
import { Inject, Injectable } from '@nestjs/common';
import { METADATA_REFRESH_CONFIG, type MetadataRefreshConfig } from '../metadata-refresh.options.js';
import { RefreshQueue } from '../queue/refresh-queue.js';
import type { Host } from '../worker/host.js';
import { HostLimits, type HostSample } from '../worker/host-limits.js';
import { HostWorkers, type HostState } from '../worker/host-workers.js';
import { Hosts } from '../worker/hosts.js';
import { WakeSignal } from '../worker/wake-signal.js';

const HEARTBEAT_INTERVAL_MS = 1000;
/** While other processes still reduce their shares for this one. */
const JOIN_INTERVAL_MS = 250;

/** The permission to send one request to a host. */
export interface Turn {
  kind: 'turn';
  /** The request has ended. With a sample, its result adjusts the adaptive limit of the host. */
  release: (sample?: HostSample) => void;
}

/** Why a request may not be sent in time: the host is in cooldown, or its concurrency is in use. */
export type NoTurn = { kind: 'cooldown' } | { kind: 'host_busy' };

export interface TurnRequest {
  /** The metadata host, as lanes name it. */
  host: string;
  /** Concurrent requests that this host receives from all processes together. */
  hostLimit: number;
  /** The caller does not wait longer. On a monotonic clock, in milliseconds. */
  endsAt: number;
  /** Ends the wait at once. */
  signal: AbortSignal;
}

interface WaitingRequest {
  endsAt: number;
  settle: (result: Turn | NoTurn) => void;
}

/** The requests of this process that wait for one host, in order. */
interface HostQueue {
  host: Host;
  waiting: WaitingRequest[];
  cooldownUntil: number;
  /** Cooldowns that are being saved, and when the last one was: an earlier heartbeat does not know of it. */
  pendingSaves: number;
  savedAt: number;
}

/**
 * Turns for requests to metadata hosts outside of the worker. While a request waits or is open, this process is a member of its
 * host beside the workers, so that together they stay within the concurrency of the host; requests wait during a cooldown.
 *
 * One loop sends heartbeats for as long as any request waits or is open, and leaves all hosts after the last one.
 */
@Injectable()
export class HostTurns {
  private readonly logger = new ModuleLogger('MetadataRefresh');
  /** A member of its own, since a worker in this process announces its own hosts. */
  private readonly hostWorkers: HostWorkers;
  private readonly hosts = new Hosts();
  private readonly limits: HostLimits;
  private readonly queues = new Map<string, HostQueue>();
  private readonly wakeSignal = new WakeSignal();
  private loop: Promise<void> | undefined;

  constructor(
    em: EntityManager,
    private readonly refreshQueue: RefreshQueue,
    @Inject(METADATA_REFRESH_CONFIG) config: MetadataRefreshConfig,
  ) {
    this.hostWorkers = new HostWorkers(em);
    this.limits = new HostLimits(this.hosts, config.fetchConcurrency);
  }

  /** Waits until a request to the host may be sent. Ends early if the host stays in cooldown for longer than the caller waits. */
  acquire({ host: name, hostLimit, endsAt, signal }: TurnRequest): Promise<Turn | NoTurn> {
    const queue = this.join(name, hostLimit);
    return new Promise((resolve) => {
      const onAbort = () => request.settle({ kind: isInCooldown(queue) ? 'cooldown' : 'host_busy' });
      const request: WaitingRequest = {
        endsAt,
        settle: (result) => {
          queue.waiting = queue.waiting.filter((other) => other !== request);
          signal.removeEventListener('abort', onAbort);
          resolve(result);
          this.leaveUnused();
        },
      };
      queue.waiting.push(request);
      signal.addEventListener('abort', onAbort, { once: true });
      this.loop ??= this.run();
      if (signal.aborted) onAbort();
      this.grant(queue);
    });
  }

  /** Starts a cooldown of the host, for all processes. Resolves when it is saved, or when that has failed. */
  async startCooldown(name: string, seconds: number, reason: string): Promise<void> {
    const queue = this.queues.get(name);
    if (queue) {
      queue.cooldownUntil = Math.max(queue.cooldownUntil, performance.now() + seconds * 1000);
      queue.pendingSaves += 1;
      this.grant(queue);
    }
    try {
      await this.refreshQueue.setCooldown(name, seconds, reason);
    } catch (error) {
      this.logger.warn({ msg: 'cooldown not saved', error: describeDatabaseError(error) });
    }
    if (!queue) return;
    queue.pendingSaves -= 1;
    queue.savedAt = performance.now();
    this.leaveUnused();
  }

  /** Resolves when no request waits or is open, and all hosts are left. */
  async untilIdle(): Promise<void> {
    await this.loop;
  }

  private join(name: string, hostLimit: number): HostQueue {
    const host = this.hosts.activate(name, performance.now());
    let queue = this.queues.get(name);
    if (!queue) {
      queue = { host, waiting: [], cooldownUntil: -Infinity, pendingSaves: 0, savedAt: -Infinity };
      this.queues.set(name, queue);
    }
    if (host.limit !== hostLimit) host.share = null;
    host.limit = hostLimit;
    if (host.share === null) this.wakeSignal.wake();
    return queue;
  }

  private async run(): Promise<void> {
    let heartbeatAt = -Infinity;
    do {
      while (this.isInUse) {
        const now = performance.now();
        if (now >= heartbeatAt + this.intervalMs || this.isAnyUnshared) {
          heartbeatAt = now;
          await this.heartbeat(now);
        }
        for (const queue of this.queues.values()) this.grant(queue);
        await this.wakeSignal.wait(Math.min(heartbeatAt + this.intervalMs, this.nextCooldownEnd) - performance.now());
      }
      this.hosts.leaveUnused(performance.now());
      this.queues.clear();
      await this.leave();
    } while (this.isInUse);
    this.loop = undefined;
  }

  private async heartbeat(sentAt: number): Promise<void> {
    for (const [name, queue] of this.queues) {
      if (isUsed(queue)) continue;
      queue.host.share = null;
      this.queues.delete(name);
    }
    try {
      const states = await this.hostWorkers.heartbeat(
        [...this.queues.values()].map(({ host }) => host.usage),
        (name) => this.queues.get(name)?.host.limit ?? 1,
      );
      this.takeOver(states, sentAt);
    } catch (error) {
      this.logger.warn({ msg: 'host heartbeat failed', error: describeDatabaseError(error) });
    }
  }

  private takeOver(states: readonly HostState[], sentAt: number): void {
    for (const { host: name, share, cooldownSeconds } of states) {
      const queue = this.queues.get(name);
      if (!queue) continue;
      this.limits.setShare(queue.host, share, sentAt);
      const isOutdated = queue.pendingSaves > 0 || queue.savedAt >= sentAt;
      const cooldownUntil = cooldownSeconds > 0 ? performance.now() + cooldownSeconds * 1000 : -Infinity;
      queue.cooldownUntil = isOutdated ? Math.max(queue.cooldownUntil, cooldownUntil) : cooldownUntil;
    }
  }

  /** Gives turns to as many waiting requests as may start now. */
  private grant(queue: HostQueue): void {
    this.limits.discardExpiredShares(performance.now());
    if (isInCooldown(queue)) {
      for (const { endsAt, settle } of queue.waiting) if (endsAt <= queue.cooldownUntil) settle({ kind: 'cooldown' });
      return;
    }
    const { host } = queue;
    while (queue.waiting.length > 0 && this.limits.tryAcquire(host, { isInteractive: true })) {
      queue.waiting[0]!.settle({
        kind: 'turn',
        release: (sample) => {
          this.limits.release(host, sample);
          this.grant(queue);
          this.leaveUnused();
        },
      });
    }
  }

  /** Without any request, the loop leaves the hosts at once. */
  private leaveUnused(): void {
    if (!this.isInUse) this.wakeSignal.wake();
  }

  private async leave(): Promise<void> {
    this.limits.discardShares();
    try {
      await this.hostWorkers.leave();
    } catch (error) {
      this.logger.warn({ msg: 'host shares not released', error: describeDatabaseError(error) });
    }
  }

  private get isInUse(): boolean {
    return [...this.queues.values()].some(isUsed);
  }

  private get isAnyUnshared(): boolean {
    return [...this.queues.values()].some((queue) => isUsed(queue) && queue.host.share === null);
  }

  private get intervalMs(): number {
    const isJoining = [...this.queues.values()].some(({ host }) => host.share === 'pending');
    return isJoining ? JOIN_INTERVAL_MS : HEARTBEAT_INTERVAL_MS;
  }

  private get nextCooldownEnd(): number {
    const now = performance.now();
    return Math.min(...[...this.queues.values()].map(({ cooldownUntil: end }) => (end > now ? end : Infinity)));
  }
}

function isUsed({ waiting, host, pendingSaves }: HostQueue): boolean {
  return waiting.length + host.inFlight + pendingSaves > 0;
}

function isInCooldown({ cooldownUntil }: HostQueue): boolean {
  return performance.now() < cooldownUntil;
}
