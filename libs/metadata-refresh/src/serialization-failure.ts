/** SQLSTATE of a deadlock and of a serialization failure: the same work succeeds when it is tried again. */
export function isSerializationFailure(error: unknown): boolean {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  return code === '40P01' || code === '40001';
}
