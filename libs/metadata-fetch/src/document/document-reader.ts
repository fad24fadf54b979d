import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Injectable, type OnApplicationShutdown } from '@nestjs/common';
import { Tinypool } from 'tinypool';
import { LARGE_BODY } from '@app/safe-http';
import { readDocument, type DocumentToRead, type ReadDocument } from './read-document.js';

/** There after compilation; from the sources, as the tests run them, large documents are read like all others. */
const WORKER = fileURLToPath(new URL('./read-document.worker.js', import.meta.url));
const HAS_WORKER = existsSync(WORKER);

/**
 * One thread, gone again when it has been idle: large documents are rare, or an attack. The worst document within the
 * bounds takes three quarters of this heap; without a limit the thread would grow as far as its garbage lets it.
 */
const THREAD = {
  filename: WORKER,
  minThreads: 0,
  maxThreads: 1,
  idleTimeout: 10_000,
  resourceLimits: { maxYoungGenerationSizeMb: 4, maxOldGenerationSizeMb: 64 },
};

/**
 * Reads documents: small ones at once, large ones in a thread of their own. The worst 5 MiB take half a second of CPU,
 * in which this process would answer nobody.
 */
@Injectable()
export class DocumentReader implements OnApplicationShutdown {
  private pool: Tinypool | undefined;

  /** The body may be gone afterwards: a large one is shared with the thread or handed over to it, not copied. */
  async read(document: DocumentToRead): Promise<ReadDocument> {
    if (document.body.length <= LARGE_BODY || !HAS_WORKER) return readDocument(document);
    this.pool ??= new Tinypool(THREAD);
    try {
      const { buffer } = document.body;
      const transferList = buffer instanceof ArrayBuffer ? [buffer] : [];
      return (await this.pool.run(document, { transferList })) as ReadDocument;
    } catch (error) {
      // Out of bounds in a way that the bounds do not know.
      if (error instanceof Error && 'code' in error && error.code === 'ERR_WORKER_OUT_OF_MEMORY') {
        return { kind: 'undecodable', reason: 'too_deep' };
      }
      throw error;
    }
  }

  async onApplicationShutdown(): Promise<void> {
    await this.pool?.destroy();
  }
}
