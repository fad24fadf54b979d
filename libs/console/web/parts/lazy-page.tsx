import type { ComponentType, FunctionComponent } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { Icon } from './icon.js';
import { Loading } from './states.js';

/** When the page was reloaded for an old file that is gone: once is enough. */
const STORED = 'nft-console-reloaded-at';
const RELOAD_PAUSE_MS = 60_000;

/** A page whose code is loaded when it is opened first. After a deployment its file may be gone: then the new shell is loaded, once. */
export function lazyPage<Props extends object>(load: () => Promise<ComponentType<Props>>): FunctionComponent<Props> {
  let loaded: ComponentType<Props> | null = null;
  return function LazyPage(props: Props) {
    const [Page, setPage] = useState<ComponentType<Props> | null>(() => loaded);
    const [isGone, setGone] = useState(false);
    useEffect(() => {
      if (Page) return;
      load().then(
        (page) => {
          loaded = page;
          setPage(() => page);
        },
        () => setGone(!reloadOnce()),
      );
    }, []);
    if (Page) return <Page {...props} />;
    if (!isGone) return <Loading />;
    return (
      <div class="card">
        <div class="state" role="alert">
          <Icon name="warn" />
          <h1>This page could not be loaded</h1>
          <button type="button" class="btn small" onClick={() => location.reload()}>
            Reload
          </button>
        </div>
      </div>
    );
  };
}

function reloadOnce(): boolean {
  try {
    const last = Number(sessionStorage.getItem(STORED) ?? 0);
    if (Date.now() - last < RELOAD_PAUSE_MS) return false;
    sessionStorage.setItem(STORED, String(Date.now()));
  } catch {
    return false;
  }
  location.reload();
  return true;
}
