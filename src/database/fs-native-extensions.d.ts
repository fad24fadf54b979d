/** The part that we use; the package brings no types. */
declare module 'fs-native-extensions' {
  /** Locks the whole file without waiting. Returns false while another open file holds a lock that excludes this one. */
  export function tryLock(fd: number, options?: { shared?: boolean }): boolean;
}
