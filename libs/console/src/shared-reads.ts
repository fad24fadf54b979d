import { Injectable } from '@nestjs/common';
import { headerOf, type HttpRequest } from './http.js';
import { JsonBody } from './json-body.js';
import type { Person } from './person.js';

/** How long a read is shared, since it began, at most. */
const MAX_AGE_MS = 1800;
/** Of the age that a client accepts: for the way to it. */
const TRANSIT_MS = 200;
const MAX_KEPT = 100;
/** In characters: of all bodies together. A larger one is shared only while it is being read. */
const MAX_LENGTH = 4_000_000;

interface SharedRead {
  beganAt: number;
  body: Promise<JsonBody>;
  isRunning: boolean;
  length: number;
}

/**
 * Reads that are one for all who look at the same thing: those who may see and do the same, and send the same request. Only requests that
 * accept a response of some age (`Cache-Control: max-age=1`) share; any other one gets what is in the database now.
 */
@Injectable()
export class SharedReads {
  private readonly kept = new Map<string, SharedRead>();
  private length = 0;

  read(person: Person, request: HttpRequest, work: () => Promise<{ now: string }>): Promise<JsonBody> {
    const key = keyOf(person, request);
    const known = this.kept.get(key);
    const ageMs = acceptedAge(request);
    if (known && ageMs > 0 && (known.isRunning || performance.now() - known.beganAt < ageMs)) return known.body;
    return this.begin(key, work);
  }

  /** Nothing that was read before is shared from now on: something has been changed. */
  forgetAll(): void {
    for (const key of this.kept.keys()) this.forget(key);
  }

  private begin(key: string, work: () => Promise<{ now: string }>): Promise<JsonBody> {
    const body = (async () => new JsonBody(await work()))();
    const read: SharedRead = { beganAt: performance.now(), body, isRunning: true, length: 0 };
    this.forget(key);
    if (this.kept.size >= MAX_KEPT) return body;
    this.kept.set(key, read);
    body.then(
      ({ length }) => this.keep(key, read, length),
      () => this.forget(key, read),
    );
    return body;
  }

  private keep(key: string, read: SharedRead, length: number): void {
    if (this.kept.get(key) !== read) return;
    const remainingMs = read.beganAt + MAX_AGE_MS - performance.now();
    if (remainingMs <= 0 || this.length + length > MAX_LENGTH) return this.forget(key, read);
    read.isRunning = false;
    read.length = length;
    this.length += length;
    setTimeout(() => this.forget(key, read), remainingMs).unref();
  }

  private forget(key: string, read = this.kept.get(key)): void {
    if (!read || this.kept.get(key) !== read) return;
    this.kept.delete(key);
    this.length -= read.length;
  }
}

/** All that a response depends on. */
function keyOf(person: Person, { url }: HttpRequest): string {
  const projectId = person.kind === 'partner' ? person.project.id : null;
  return JSON.stringify([person.kind, projectId, person.mayAct, url]);
}

/** How old a response may be that the client gets (RFC 9111, 5.2.1); 0: it does not take one from before. */
function acceptedAge(request: HttpRequest): number {
  const directives = (headerOf(request, 'cache-control') ?? '')
    .toLowerCase()
    .split(',')
    .map((text) => text.trim());
  if (directives.some((directive) => /^no-(cache|store)\b/.test(directive))) return 0;
  const seconds = directives
    .map((directive) => /^max-age=([0-9]{1,9})$/.exec(directive)?.[1])
    .find((text) => text !== undefined);
  return seconds === undefined ? 0 : Math.max(0, Number(seconds) * 1000 - TRANSIT_MS);
}
