import { useEffect, useRef } from 'preact/hooks';
import { setSingleKeys, singleKeys } from '../data/keys.js';
import { useStore } from '../data/store.js';

const KEYS: readonly [string, string][] = [
  ['/', 'search'],
  ['j', 'next row'],
  ['k', 'previous row'],
  ['Enter', 'open the row'],
  ['f', 'failed tokens only, on the page of a refresh'],
  ['g r', 'go to the refreshes'],
  ['g h', 'go to the hosts'],
  ['g t', 'go to the tokens'],
  ['?', 'these keys'],
];

export function KeysDialog({ onClose }: { onClose: () => void }) {
  const dialog = useRef<HTMLDialogElement>(null);
  const areOn = useStore(singleKeys);
  useEffect(() => dialog.current?.showModal(), []);
  return (
    <dialog ref={dialog} class="ask" aria-labelledby="keys" onClose={onClose}>
      <form method="dialog">
        <h2 id="keys">Keys</h2>
        <dl class="keys">
          {KEYS.map(([keys, what]) => (
            <div key={keys}>
              <dt>
                {keys.split(' ').map((key) => (
                  <kbd key={key}>{key}</kbd>
                ))}
              </dt>
              <dd>{what}</dd>
            </div>
          ))}
        </dl>
        <label class="check">
          <input
            type="checkbox"
            checked={areOn}
            onChange={({ currentTarget }) => setSingleKeys(currentTarget.checked)}
          />
          Single keys are on. Turn them off if you use speech control.
        </label>
        <div class="acts">
          <button type="submit" class="btn" autofocus>
            Close
          </button>
        </div>
      </form>
    </dialog>
  );
}
