/**
 * Stops the clock of `performance.now()` in this process until it is disposed: no deadline, pause, interval or back-off of the
 * application ends by itself, however slow the machine is. Timers go on, and find that it is too early.
 */
export function stopMonotonicClock(): Disposable {
  const stoppedAt = performance.now();
  const spy = vi.spyOn(performance, 'now').mockReturnValue(stoppedAt);
  return { [Symbol.dispose]: () => spy.mockRestore() };
}
