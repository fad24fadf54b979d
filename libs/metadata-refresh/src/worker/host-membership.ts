import { describeDatabaseError } from '@app/database';
import { ModuleLogger } from '@app/logging';
import type { ClaimDemand } from './claim-demand.js';
import type { DatabaseErrors } from './database-errors.js';
import type { HostLimits } from './host-limits.js';
import type { HostState, HostWorkers } from './host-workers.js';
import type { Hosts } from './hosts.js';
import type { TokenBuffer } from './token-buffer.js';
import type { TokenReleaser } from './token-releaser.js';
import { WakeSignal } from './wake-signal.js';

const HEARTBEAT_INTERVAL_MS = 1000;

interface Parts {
  hostWorkers: Pick<HostWorkers, 'heartbeat' | 'leave'>;
  hosts: Hosts;
  limits: HostLimits;
  buffer: TokenBuffer;
  demand: ClaimDemand;
  releaser: Pick<TokenReleaser, 'release'>;
  database: DatabaseErrors;
}

/**
 * The loop that shares hosts with other workers: every second, and before the first request to a new host, it sends a
 * heartbeat for the hosts in use and takes over this worker's shares. Tokens that cannot start soon are released: those of
 * hosts in cooldown, and those of hosts whose limit other workers use up.
 */
export class HostMembership {
  private readonly logger = new ModuleLogger('MetadataRefresh');
  private readonly wakeSignal = new WakeSignal();
  private heartbeatAt = -Infinity;
  private pending: Promise<void> | undefined;

  constructor(
    private readonly parts: Parts,
    /** A heartbeat has ended, also when it failed: shares may have changed. */
    private readonly onHeartbeat: () => void,
  ) {}

  async run(signal: AbortSignal): Promise<void> {
    this.wakeSignal.wakeOnAbort(signal);
    while (!signal.aborted) {
      const now = performance.now();
      if (now - this.heartbeatAt >= HEARTBEAT_INTERVAL_MS || this.parts.limits.isAnyUnshared) {
        this.pending = this.heartbeat(now);
        await this.pending;
        this.pending = undefined;
        this.onHeartbeat();
      }
      const nextAt = Math.max(this.heartbeatAt, now) + HEARTBEAT_INTERVAL_MS;
      await this.wakeSignal.wait(nextAt - performance.now());
    }
  }

  /** There may be tokens of a host whose share is not known. */
  wake(): void {
    this.wakeSignal.wake();
  }

  /** Whether no heartbeat is being sent. */
  get isIdle(): boolean {
    return this.pending === undefined;
  }

  /** Frees this worker's shares at once, before its heartbeat times out. */
  async leave(): Promise<void> {
    await this.pending;
    try {
      await this.parts.hostWorkers.leave();
    } catch (error) {
      this.logger.warn({ msg: 'host shares not released', error: describeDatabaseError(error) });
    }
    this.parts.limits.discardShares();
  }

  private async heartbeat(now: number): Promise<void> {
    const { hostWorkers, hosts, database } = this.parts;
    const inUse = hosts.inUse();
    hosts.leaveUnused(now);
    if (inUse.length === 0) return;
    this.heartbeatAt = now;
    try {
      const states = await hostWorkers.heartbeat(
        inUse.map(({ usage }) => usage),
        (name) => hosts.find(name)?.limit ?? 1,
      );
      database.recordSuccess('host heartbeat failed');
      this.takeOver(states, now);
    } catch (error) {
      database.recordFailure('host heartbeat failed', error);
    }
  }

  private takeOver(states: readonly HostState[], sentAt: number): void {
    const { hosts, limits, buffer, demand, releaser } = this.parts;
    for (const { host: name, share, cooldownSeconds } of states) {
      const host = hosts.find(name);
      if (!host) continue;
      limits.setShare(host, share, sentAt);
      if (cooldownSeconds > 0) releaser.release(buffer.dropHost(host));
      else if (share === 0) releaser.release(demand.yieldHost(host, performance.now()));
    }
  }
}
