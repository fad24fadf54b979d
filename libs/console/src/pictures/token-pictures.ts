import { PictureFetcher } from '@app/metadata-fetch';
import { Injectable } from '@nestjs/common';
import { Refused } from '../console.errors.js';
import type { Person } from '../person.js';
import { PictureCache, type Picture } from './picture-cache.js';
import { sentenceOf } from './picture-reasons.js';

const MAX_CONCURRENCY = 4;
const MAX_A_MINUTE = 60;
const MINUTE_MS = 60_000;

/** What is loaded: that of a record, never what a request says. */
export interface WantedPicture {
  imageUrl: string;
  /** Of the record: another one may show another picture at the same URL. */
  contentHash: string;
}

/** Loads pictures of tokens for people: few at once, and few a minute for each session. */
@Injectable()
export class TokenPictures {
  private readonly cache = new PictureCache();
  private loading = 0;
  /** By session: when its loads of the last minute began. */
  private readonly loads = new Map<string, number[]>();

  constructor(private readonly fetcher: PictureFetcher) {}

  /** Throws Refused, with a sentence that says why there is no picture. */
  async load(person: Person, wanted: WantedPicture): Promise<Picture> {
    const known = this.cache.find(wanted);
    if (known) return known;
    if (this.loading >= MAX_CONCURRENCY) {
      throw new Refused(503, 'busy', 'Other pictures are being loaded: try again in a few seconds.');
    }
    this.countLoad(person.sessionKey);
    this.loading += 1;
    try {
      const outcome = await this.fetcher.fetch(wanted.imageUrl);
      if (outcome.kind !== 'picture') throw refusal(sentenceOf(outcome, this.fetcher.limits));
      return this.cache.add(wanted, { type: outcome.type, body: outcome.body });
    } finally {
      this.loading -= 1;
    }
  }

  private countLoad(session: string): void {
    const now = performance.now();
    for (const [key, times] of this.loads) if (times.at(-1)! < now - MINUTE_MS) this.loads.delete(key);
    const recent = (this.loads.get(session) ?? []).filter((time) => time >= now - MINUTE_MS);
    if (recent.length >= MAX_A_MINUTE) {
      throw new Refused(429, 'limit_reached', `You have loaded ${MAX_A_MINUTE} pictures in a minute: wait a little.`);
    }
    this.loads.set(session, [...recent, now]);
  }
}

function refusal(sentence: string): Refused {
  return new Refused(409, 'no_picture', `The picture was not loaded: ${sentence}`);
}
