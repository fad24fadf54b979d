import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Injectable, type OnModuleDestroy } from '@nestjs/common';
import { Tinypool } from 'tinypool';
import { LARGE_BODY } from './large-bodies.js';
import { readDocument, type DocumentToRead, type ReadDocument } from './read-document.js';

/** There after compilation; from the sources, as the tests run them, large documents are read like all others. */
const WORKER = fileURLToPath(new URL('./read-document.worker.js', import.meta.url));
const HAS_WORKER = existsSync(WORKER);

/**
 * Reads documents: small ones at once, large ones in a thread of their own. The worst 5 MiB take half a second of CPU,
 * in which this process would answer nobody.
 */
@Injectable()
export class DocumentReader implements OnModuleDestroy {
  private pool: Tinypool | undefined;

  async read(document: DocumentToRead): Promise<ReadDocument> {
    if (document.body.length <= LARGE_BODY || !HAS_WORKER) return readDocument(document);
    // One thread, gone again when it has been idle: large documents are rare, or an attack.
    this.pool ??= new Tinypool({ filename: WORKER, minThreads: 0, maxThreads: 1, idleTimeout: 10_000 });
    return this.pool.run(document) as Promise<ReadDocument>;
  }

  async onModuleDestroy(): Promise<void> {
    await this.pool?.destroy();
  }
}
