/** How many items of each lane are in some place. */
export class LaneCounts {
  private readonly counts = new Map<number, number>();

  get(lane: number): number {
    return this.counts.get(lane) ?? 0;
  }

  add(lane: number, difference: 1 | -1): void {
    const count = this.get(lane) + difference;
    if (count === 0) this.counts.delete(lane);
    else this.counts.set(lane, count);
  }

  above(limit: number): number[] {
    return [...this.counts].filter(([, count]) => count > limit).map(([lane]) => lane);
  }
}
