import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { LARGE_BODY } from '@app/safe-http';
import { ModuleLogger } from '@app/logging';
import { Inject, Injectable, type OnApplicationShutdown } from '@nestjs/common';
import { readDocument, type DocumentToRead, type ReadDocument } from './read-document.js';
import { ReaderThread, ThreadFailed } from './reader-thread.js';

/** Exists only after compilation. When run from sources, as in tests, large documents are read on the main thread. */
const COMPILED = fileURLToPath(new URL('./read-document.worker.js', import.meta.url));

/** The file that a thread runs; null: there are no threads. */
export const READER_FILE = Symbol('ReaderFile');
export const readerFile = existsSync(COMPILED) ? COMPILED : null;

/**
 * Reads small documents on the main thread and large ones in a worker thread: the worst 5 MiB take half a second of CPU, which
 * would block the event loop.
 */
@Injectable()
export class DocumentReader implements OnApplicationShutdown {
  private readonly logger = new ModuleLogger('MetadataFetch');
  private readonly thread: ReaderThread<DocumentToRead, ReadDocument> | null;

  constructor(@Inject(READER_FILE) file: string | null) {
    this.thread = file === null ? null : new ReaderThread(file);
  }

  /** Do not use the body afterwards: a large one is shared with the thread or transferred to it, not copied. */
  read(document: DocumentToRead): ReadDocument | Promise<ReadDocument> {
    const { thread } = this;
    return document.body.length <= LARGE_BODY || !thread ? readDocument(document) : this.readIn(thread, document);
  }

  private async readIn(
    thread: ReaderThread<DocumentToRead, ReadDocument>,
    document: DocumentToRead,
  ): Promise<ReadDocument> {
    try {
      const { buffer } = document.body;
      return await thread.run(document, buffer instanceof ArrayBuffer ? [buffer] : []);
    } catch (error) {
      if (error instanceof ThreadFailed) {
        this.logger.error({ msg: 'thread for large documents failed', error: error.message });
        return { kind: 'undecodable', reason: 'internal_error' };
      }
      // Larger in memory than the bounds foresee.
      if (error instanceof Error && 'code' in error && error.code === 'ERR_WORKER_OUT_OF_MEMORY') {
        return { kind: 'undecodable', reason: 'too_deep' };
      }
      throw error;
    }
  }

  async onApplicationShutdown(): Promise<void> {
    await this.thread?.close();
  }
}
