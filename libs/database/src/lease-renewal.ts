/**
 * Renews a lease for as long as the work under it takes, one renewal at a time. A renewal that fails is no error: the lease expires, and
 * others take the work.
 */
export class LeaseRenewal {
  private readonly timer: NodeJS.Timeout;
  private renewing: Promise<void> | undefined;

  constructor(renew: () => Promise<unknown>, intervalMs: number) {
    const end = () => {
      this.renewing = undefined;
    };
    this.timer = setInterval(() => {
      this.renewing ??= renew().then(end, end);
    }, intervalMs);
  }

  /** Ends when the renewal that runs has ended: nothing uses the database after that. */
  async end(): Promise<void> {
    clearInterval(this.timer);
    await this.renewing;
  }
}
