/** How often values were at most each bound, as Prometheus counts them. */
export interface HistogramValues {
  /** In ascending order; each count includes those of the smaller bounds. */
  buckets: readonly { bound: number; count: number }[];
  /** Of all values, also of those above the last bound. */
  count: number;
  sum: number;
}

/** Counts values by size. Recording one costs a few comparisons and two additions. */
export class Histogram {
  /** Of the values of each bucket alone; the last one is for values above all bounds. */
  private readonly counts: number[];
  private sum = 0;

  /** `bounds` in ascending order. */
  constructor(private readonly bounds: readonly number[]) {
    this.counts = Array.from({ length: bounds.length + 1 }, () => 0);
  }

  record(value: number): void {
    let bucket = 0;
    while (bucket < this.bounds.length && value > this.bounds[bucket]!) bucket += 1;
    this.counts[bucket]! += 1;
    this.sum += value;
  }

  read(): HistogramValues {
    let count = 0;
    const buckets = this.bounds.map((bound, index) => ({ bound, count: (count += this.counts[index]!) }));
    return { buckets, count: count + this.counts.at(-1)!, sum: this.sum };
  }
}

/** One histogram for each of a few names, made when it gets its first value. */
export class Histograms<Name extends string> {
  private readonly byName = new Map<Name, Histogram>();

  constructor(private readonly bounds: readonly number[]) {}

  record(name: Name, value: number): void {
    let histogram = this.byName.get(name);
    if (!histogram) this.byName.set(name, (histogram = new Histogram(this.bounds)));
    histogram.record(value);
  }

  read(): Map<Name, HistogramValues> {
    return new Map([...this.byName].map(([name, histogram]) => [name, histogram.read()]));
  }
}
