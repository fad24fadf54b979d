import type { ComponentChildren } from 'preact';
import { useErrorBoundary } from 'preact/hooks';
import { Icon } from './icon.js';

/** A page with a mistake of ours does not take the frame with it. */
export function ErrorBoundary({ children }: { children: ComponentChildren }) {
  const [error, reset] = useErrorBoundary((reason: unknown) => reportError(reason));
  if (error === undefined) return <>{children}</>;
  return (
    <div class="card">
      <div class="state" role="alert">
        <Icon name="warn" />
        <h1>This page could not be shown</h1>
        <p>That is a mistake of the console. The console of the browser has more.</p>
        <button type="button" class="btn small" onClick={reset}>
          Try again
        </button>
      </div>
    </div>
  );
}
