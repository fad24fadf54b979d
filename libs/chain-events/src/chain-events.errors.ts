/** A collection cannot be watched in this way. The message says why. */
export class UnwatchableCollection extends Error {
  override readonly name = 'UnwatchableCollection';
}
