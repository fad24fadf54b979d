import { HostOverview } from '@app/metadata-refresh';
import { Injectable } from '@nestjs/common';
import type { RefreshDetails } from '../wire/refresh.schema.js';

/** What pages show of metadata hosts. */
@Injectable()
export class HostViews {
  constructor(private readonly hosts: HostOverview) {}

  /** For the page of a refresh. */
  async summary(host: string): Promise<RefreshDetails['refresh']['host']> {
    const { cooldownUntil, limit, allowed, inFlight, medianMs, p95Ms } = await this.hosts.summary(host);
    return {
      host,
      cooldown: cooldownUntil === null ? null : { host, until: cooldownUntil },
      concurrency: { limit, inForce: allowed, inUse: inFlight },
      medianMs,
      p95Ms,
    };
  }

  async cooldownSince(host: string): Promise<string | null> {
    return (await this.hosts.listCooldowns(host, 1))[0]?.from ?? null;
  }
}
