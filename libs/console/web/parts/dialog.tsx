import type { ComponentChildren } from 'preact';
import { useEffect, useId, useRef } from 'preact/hooks';

/**
 * Asks before something is done that touches more than one thing, or cannot be undone. The safe button has the focus, Escape
 * changes nothing, and the dialog stays until the service has said what came of it.
 */
export function Ask({
  title,
  safe,
  action,
  isRisky = false,
  isBusy,
  isReady = true,
  onConfirm,
  onClose,
  children,
}: {
  title: string;
  /** The words of the button that changes nothing. */
  safe: string;
  action: string;
  isRisky?: boolean;
  isBusy: boolean;
  /** false: something is missing in the form. */
  isReady?: boolean;
  onConfirm: () => void;
  onClose: () => void;
  children: ComponentChildren;
}) {
  const dialog = useRef<HTMLDialogElement>(null);
  const id = useId();
  useEffect(() => dialog.current?.showModal(), []);
  return (
    <dialog ref={dialog} class="ask" aria-labelledby={id} onClose={onClose}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          if (!isBusy && isReady) onConfirm();
        }}
      >
        <h2 id={id}>{title}</h2>
        {children}
        <div class="acts">
          <button type="button" class="btn" autofocus onClick={() => dialog.current?.close()}>
            {safe}
          </button>
          <button type="submit" class={`btn ${isRisky ? 'risk' : 'main'}`} aria-busy={isBusy} aria-disabled={!isReady}>
            {isBusy ? 'One moment …' : action}
          </button>
        </div>
      </form>
    </dialog>
  );
}
