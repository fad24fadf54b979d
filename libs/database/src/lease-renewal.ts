/** Renews a lease for as long as the work under it takes. A renewal that fails is no error: the lease expires, and others take the work. */
export class LeaseRenewal {
  private readonly timer: NodeJS.Timeout;
  private renewed: Promise<unknown> | undefined;

  constructor(renew: () => Promise<unknown>, intervalMs: number) {
    this.timer = setInterval(() => {
      this.renewed = renew().catch(() => {});
    }, intervalMs);
  }

  /** Ends when the last renewal has ended: nothing uses the database after that. */
  async end(): Promise<void> {
    clearInterval(this.timer);
    await this.renewed;
  }
}
