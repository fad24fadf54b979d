import { Tinypool } from 'tinypool';

/**
 * One thread, which ends when idle, since large documents are rare or an attack. The worst document within the bounds needs
 * three quarters of this heap; without a limit, garbage would make the heap grow further.
 */
const THREAD = {
  minThreads: 0,
  maxThreads: 1,
  idleTimeout: 10_000,
  resourceLimits: { maxYoungGenerationSizeMb: 4, maxOldGenerationSizeMb: 64 },
};

/** The thread could not start. */
export class ThreadFailed extends Error {
  override readonly name = 'ThreadFailed';
}

/** Runs the function of a file in a thread of its own, one task after the other. */
export class ReaderThread<Task, Result> {
  private pool: Tinypool | undefined;
  /** Of the tasks of this pool, which would leave them waiting for ever without a thread. */
  private rejections = new Set<(error: Error) => void>();

  constructor(private readonly filename: string) {}

  /** Throws ThreadFailed, and what the function throws. After a failure, the next task starts another thread. */
  async run(task: Task, transferList: ArrayBuffer[]): Promise<Result> {
    const pool = (this.pool ??= this.open());
    const { rejections } = this;
    const { promise, resolve, reject } = Promise.withResolvers<Result>();
    rejections.add(reject);
    pool.run(task, { transferList }).then((result) => resolve(result as Result), reject);
    try {
      return await promise;
    } finally {
      rejections.delete(reject);
    }
  }

  async close(): Promise<void> {
    const { pool } = this;
    this.pool = undefined;
    await pool?.destroy();
  }

  private open(): Tinypool {
    const pool = new Tinypool({ ...THREAD, filename: this.filename });
    const rejections = (this.rejections = new Set());
    pool.on('error', ({ message }: Error) => {
      if (this.pool === pool) this.pool = undefined;
      for (const reject of rejections) reject(new ThreadFailed(message));
      // There is no thread to end.
      pool.destroy().catch(() => {});
    });
    return pool;
  }
}
