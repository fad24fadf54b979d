/** Of one transaction that met others. */
const MAX_TRIES = 5;

/** The transaction found out late that it had read something else before. It is run again. */
export class StoreChanged extends Error {}

/** Runs a transaction, and runs it again if it met others: it is to write nothing outside of the database. */
export async function retried<Result>(transaction: () => Promise<Result>): Promise<Result> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await transaction();
    } catch (error) {
      if (attempt === MAX_TRIES || !mayRetry(error)) throw error;
    }
  }
}

/** Whether the same work succeeds when it is tried again: after a deadlock, a serialization failure, or a change in the token store. */
export function mayRetry(error: unknown): boolean {
  return error instanceof StoreChanged || ['40P01', '40001'].includes(codeOf(error) ?? '');
}

/**
 * Does what the token store has deferred (`WriteOptions.defer`). An error of its own, without a code of the database, says that it has
 * read something else before.
 */
export async function doDeferred(works: readonly (() => Promise<void>)[]): Promise<void> {
  for (const work of works) {
    try {
      await work();
    } catch (error) {
      if (codeOf(error) !== undefined) throw error;
      throw new StoreChanged('token store refused its late writes', { cause: error });
    }
  }
}

/** SQLSTATE. */
function codeOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error ? String(error.code) : undefined;
}
