import { Injectable } from '@nestjs/common';
import { headerOf, type HttpRequest } from './http.js';
import { JsonBody } from './json-body.js';
import type { Person } from './person.js';

/**
 * How long a read is shared, since it began. A page that reads a running refresh each two seconds shows counts that are less than three
 * seconds old. Less than the second that pages accept.
 */
const MAX_AGE_MS = 800;
const MAX_KEPT = 100;
/** In characters: of all bodies together. A larger one is shared only while it is being read. */
const MAX_LENGTH = 4_000_000;

interface SharedRead {
  beganAt: number;
  body: Promise<JsonBody>;
  /** 0: it is still being read. */
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
    if (known && acceptsAge(request)) return known.body;
    return this.begin(key, work);
  }

  /** Nothing that was read before is shared from now on: something has been changed. */
  forgetAll(): void {
    for (const key of this.kept.keys()) this.forget(key);
  }

  private begin(key: string, work: () => Promise<{ now: string }>): Promise<JsonBody> {
    const body = (async () => new JsonBody(await work()))();
    const read: SharedRead = { beganAt: performance.now(), body, length: 0 };
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

/** Whether the client takes a response that was made up to a second ago (RFC 9111, 5.2.1). */
function acceptsAge(request: HttpRequest): boolean {
  const directives = headerOf(request, 'cache-control')?.toLowerCase().split(',') ?? [];
  return (
    directives.some((directive) => /^\s*max-age=0*[1-9][0-9]*\s*$/.test(directive)) &&
    !directives.some((directive) => /^\s*no-(cache|store)\b/.test(directive))
  );
}
