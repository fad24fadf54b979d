import { singleKeys } from '../data/keys.js';
import { useStore } from '../data/store.js';

/** For those who have a keyboard; the dialog of `?` has all keys. */
export function KeyHint() {
  if (!useStore(singleKeys)) return null;
  return (
    <span class="faint hint">
      <kbd>j</kbd> <kbd>k</kbd> move, <kbd>enter</kbd> open, <kbd>f</kbd> failed only
    </span>
  );
}
