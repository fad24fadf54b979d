import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Injectable, type OnApplicationShutdown } from '@nestjs/common';
import { Tinypool } from 'tinypool';
import { LARGE_BODY } from '@app/safe-http';
import { readDocument, type DocumentToRead, type ReadDocument } from './read-document.js';

/** Exists only after compilation. When run from sources, as in tests, large documents are read on the main thread. */
const WORKER = fileURLToPath(new URL('./read-document.worker.js', import.meta.url));
const HAS_WORKER = existsSync(WORKER);

/**
 * One thread, which ends when idle, since large documents are rare or an attack. The worst document within the bounds needs
 * three quarters of this heap; without a limit, garbage would make the heap grow further.
 */
const THREAD = {
  filename: WORKER,
  minThreads: 0,
  maxThreads: 1,
  idleTimeout: 10_000,
  resourceLimits: { maxYoungGenerationSizeMb: 4, maxOldGenerationSizeMb: 64 },
};

/**
 * Reads small documents on the main thread and large ones in a worker thread: the worst 5 MiB take half a second of CPU, which
 * would block the event loop.
 */
@Injectable()
export class DocumentReader implements OnApplicationShutdown {
  private pool: Tinypool | undefined;

  /** Do not use the body afterwards: a large one is shared with the thread or transferred to it, not copied. */
  read(document: DocumentToRead): ReadDocument | Promise<ReadDocument> {
    return document.body.length <= LARGE_BODY || !HAS_WORKER ? readDocument(document) : this.readInThread(document);
  }

  private async readInThread(document: DocumentToRead): Promise<ReadDocument> {
    this.pool ??= new Tinypool(THREAD);
    try {
      const { buffer } = document.body;
      const transferList = buffer instanceof ArrayBuffer ? [buffer] : [];
      return (await this.pool.run(document, { transferList })) as ReadDocument;
    } catch (error) {
      // Larger in memory than the bounds foresee.
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
