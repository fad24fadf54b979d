import { entityTagOf } from '@app/refresh-api';

/** What a response says, as text that is made once, however many requests get it. `now` is no part of its ETag. */
export class JsonBody {
  readonly etag: string;
  private readonly rest: string;
  private readonly now: number;
  private readonly madeAt = performance.now();

  constructor({ now, ...rest }: { now: string }) {
    this.rest = JSON.stringify(rest);
    this.etag = entityTagOf(this.rest);
    this.now = Date.parse(now);
  }

  get length(): number {
    return this.rest.length;
  }

  /** As it is sent now: the time in it has moved on since it was made. */
  toString(): string {
    const now = new Date(this.now + Math.floor(performance.now() - this.madeAt)).toISOString();
    return `{"now":"${now}"${this.rest === '{}' ? '}' : `,${this.rest.slice(1)}`}`;
  }
}
