import type { ComponentChildren } from 'preact';
import { useEffect } from 'preact/hooks';
import { Link } from 'wouter-preact';
import { notice } from '../data/queries.js';
import { Store, useStore } from '../data/store.js';
import { Icon, type IconName } from './icon.js';

export interface Crumb {
  text: string;
  href?: string;
}

/** The way to this page, for the top bar. */
export const crumbs = new Store<readonly Crumb[]>([]);

const NAME = 'Refresh console';

/** The title of the browser's tab, and the way to the page. */
export function useTitle(tabTitle: string, path: readonly Crumb[]): void {
  useEffect(() => {
    document.title = `${tabTitle} · ${NAME}`;
  }, [tabTitle]);
  const key = JSON.stringify(path);
  useEffect(() => crumbs.set(JSON.parse(key) as Crumb[]), [key]);
}

/** The title of a page: its heading, the way to it, and the title of the browser's tab. */
export function Head({
  title,
  tabTitle,
  path,
  sign,
  children,
  actions,
}: {
  title: ComponentChildren;
  /** Of the browser's tab. */
  tabTitle: string;
  path: readonly Crumb[];
  sign?: ComponentChildren;
  children?: ComponentChildren;
  actions?: ComponentChildren;
}) {
  useTitle(tabTitle, path);
  return (
    <>
      <div class="head">
        <div>
          <h1>
            {title} {sign}
          </h1>
          {children}
        </div>
        {actions && <div class="acts">{actions}</div>}
      </div>
      <NoticeOfPage />
    </>
  );
}

/** What the last action has led to. It stays until the next action or page. */
function NoticeOfPage() {
  const current = useStore(notice);
  if (current === null) return null;
  const { tone, text, link } = current;
  return (
    <div class={`notice ${tone}`}>
      <Icon name={tone === 'ok' ? 'check' : 'warn'} />
      <p>
        {text} {link && <Link href={link.href}>{link.text}</Link>}
      </p>
      <button type="button" class="btn bare icon" aria-label="Dismiss" onClick={() => notice.set(null)}>
        <Icon name="x" />
      </button>
    </div>
  );
}

export function Fact({ icon, children }: { icon?: IconName; children: ComponentChildren }) {
  return (
    <span>
      {icon && <Icon name={icon} />}
      <span>{children}</span>
    </span>
  );
}
