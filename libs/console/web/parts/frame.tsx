import type { ComponentChildren } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import { Link, useLocation } from 'wouter-preact';
import type { Overview, Session } from '../../src/wire/index.js';
import { announcement } from '../data/announcements.js';
import { connection } from '../data/api.js';
import { moveRow, onKeyDown, useKeys } from '../data/keys.js';
import { notice, SLOW_MS, useRead } from '../data/queries.js';
import { signOut } from '../data/session.js';
import { useStore } from '../data/store.js';
import { firstCharacter } from '../text/foreign.js';
import { formatCount } from '../text/numbers.js';
import { crumbs } from './head.js';
import { Icon, type IconName } from './icon.js';
import { KeysDialog } from './keys-dialog.js';
import { LiveButton } from './live-button.js';
import { Search } from './search.js';
import { ThemeSwitch } from './theme-switch.js';

type Page = Session['pages'][number];
type Counts = Overview['counts'];

interface Entry {
  page: Page;
  href: string;
  icon: IconName;
  text: string;
  note?: (counts: Partial<Record<keyof Extract<Overview, { kind: 'operator' }>['counts'], number>>) => string | null;
  isBad?: boolean;
}

/** A count that was not made to its end. */
const MAX_COUNT = 100;
const upTo = (count: number) => (count >= MAX_COUNT ? `${formatCount(MAX_COUNT)}+` : formatCount(count));

const MENU: readonly { title: string; entries: readonly Entry[] }[] = [
  {
    title: 'Work',
    entries: [
      { page: 'overview', href: '/', icon: 'home', text: 'Overview' },
      {
        page: 'refreshes',
        href: '/refreshes',
        icon: 'list',
        text: 'Refreshes',
        note: ({ running }) => (running ? `${upTo(running)} running` : null),
      },
      { page: 'tokens', href: '/tokens', icon: 'gem', text: 'Tokens' },
      {
        page: 'failures',
        href: '/failures',
        icon: 'warn',
        text: 'Failures',
        note: ({ failedLastHour }) => (failedLastHour ? upTo(failedLastHour) : null),
        isBad: true,
      },
      { page: 'validate', href: '/validate', icon: 'flask', text: 'Validate' },
      { page: 'reveals', href: '/reveals', icon: 'eye', text: 'Reveals' },
    ],
  },
  {
    title: 'Machinery',
    entries: [
      {
        page: 'hosts',
        href: '/hosts',
        icon: 'host',
        text: 'Hosts',
        note: ({ cooldowns }) => (cooldowns ? `${upTo(cooldowns)} in cooldown` : null),
      },
      {
        page: 'workers',
        href: '/workers',
        icon: 'gear',
        text: 'Workers',
        note: ({ workers }) => (workers === undefined ? null : upTo(workers)),
      },
      { page: 'webhooks', href: '/webhooks', icon: 'hook', text: 'Webhooks' },
      { page: 'chain', href: '/chain', icon: 'chain', text: 'Chain watchers' },
    ],
  },
  {
    title: 'Access',
    entries: [
      {
        page: 'projects',
        href: '/projects',
        icon: 'people',
        text: 'Projects',
        note: ({ projects }) => (projects === undefined ? null : upTo(projects)),
      },
      { page: 'limits', href: '/limits', icon: 'key', text: 'Limits and keys' },
    ],
  },
];

export function Brand() {
  return (
    <>
      <svg
        width="22"
        height="22"
        viewBox="0 0 22 22"
        fill="none"
        stroke="currentColor"
        stroke-width="2"
        stroke-linejoin="round"
        aria-hidden="true"
      >
        <path d="M11 2l7.8 4.5v9L11 20l-7.8-4.5v-9z" />
        <path d="M7.5 11.2l2.4 2.4 4.7-5.2" stroke-linecap="round" />
      </svg>
      Refresh console
    </>
  );
}

/** A partner has one project: the list is left out. */
function forPerson(entry: Entry, { person }: Session): Entry {
  return entry.page === 'projects' && person?.kind === 'partner'
    ? { ...entry, href: `/projects/${encodeURIComponent(person.projectId)}`, text: 'Your project' }
    : entry;
}

function Side({ session, counts, onClose }: { session: Session; counts: Counts | undefined; onClose?: () => void }) {
  const [path] = useLocation();
  const isCurrent = (href: string) => (href === '/' ? path === '/' : path === href || path.startsWith(`${href}/`));
  const groups = MENU.map(({ title, entries }) => ({
    title,
    entries: entries.filter(({ page }) => session.pages.includes(page)).map((entry) => forPerson(entry, session)),
  }));
  return (
    <nav class="side" aria-label="Console">
      <div class="brand">
        <Link href="/">
          <Brand />
        </Link>
        {onClose && (
          <button type="button" class="btn bare" aria-label="Close the menu" onClick={onClose}>
            <Icon name="x" />
          </button>
        )}
      </div>
      {groups
        .filter(({ entries }) => entries.length > 0)
        .map(({ title, entries }) => (
          <div key={title}>
            <h2>{title}</h2>
            <ul>
              {entries.map(({ page, href, icon, text, note, isBad }) => {
                const count = counts && note?.(counts);
                return (
                  <li key={page}>
                    <Link href={href} aria-current={isCurrent(href) ? 'page' : undefined} onClick={onClose}>
                      <Icon name={icon} />
                      {text}
                      {count && <span class={isBad ? 'n bad' : 'n'}>{count}</span>}
                    </Link>
                  </li>
                );
              })}
            </ul>
          </div>
        ))}
      <Who session={session} />
    </nav>
  );
}

function Who({ session }: { session: Session }) {
  const person = session.person!;
  const isOperator = person.kind === 'operator';
  const initials = person.name
    .split(/[\s._-]+/)
    .map(firstCharacter)
    .slice(0, 2)
    .join('')
    .toUpperCase();
  return (
    <div class="who">
      <span class="face" aria-hidden="true">
        {initials}
      </span>
      <span class="name">
        <b title={person.name}>{person.name}</b>
        <small>{(isOperator ? 'Operator' : 'Partner') + (session.mayAct ? '' : ', read-only')}</small>
      </span>
      {session.expiresAt !== null && (
        <button type="button" class="btn bare" title="Sign out" aria-label="Sign out" onClick={() => void signOut()}>
          <Icon name="leave" />
        </button>
      )}
    </div>
  );
}

function Crumbs() {
  const way = useStore(crumbs);
  return (
    <nav class="crumbs" aria-label="Breadcrumb">
      <ol>
        {way.map(({ text, href }, index) => (
          <li key={text + index}>
            {index > 0 && <Icon name="right" />}
            {href === undefined ? <span aria-current="page">{text}</span> : <Link href={href}>{text}</Link>}
          </li>
        ))}
      </ol>
    </nav>
  );
}

function UpdatedBar() {
  const { isOutdated } = useStore(connection);
  if (!isOutdated) return null;
  return (
    <div class="bar-note" role="status">
      The console was updated.
      <button type="button" class="btn small" onClick={() => location.reload()}>
        Reload
      </button>
    </div>
  );
}

function Spoken() {
  const text = useStore(announcement);
  return (
    <div class="sr" role="status" aria-live="polite">
      {text}
    </div>
  );
}

/** The frame before it is known who looks: at once, and without a menu. */
export function BareFrame({ children }: { children: ComponentChildren }) {
  return (
    <div class="frame">
      <nav class="side" aria-label="Console">
        <div class="brand">
          <Brand />
        </div>
      </nav>
      <div class="page">
        <header class="top">
          <span class="crumbs" />
          <LiveButton />
          <ThemeSwitch />
        </header>
        <main>
          <div class="card">{children}</div>
        </main>
      </div>
    </div>
  );
}

/** Everything around a page. */
export function Frame({ session, children }: { session: Session; children: ComponentChildren }) {
  const { data } = useRead<Overview>('overview', SLOW_MS);
  const [path, navigate] = useLocation();
  const [areKeysShown, showKeys] = useState(false);
  const drawer = useRef<HTMLDialogElement>(null);
  const search = useRef<HTMLInputElement>(null);
  const main = useRef<HTMLElement>(null);

  // A new page begins at its top, for eyes and for screen readers; what an action of the old one has led to is over.
  const seen = useRef(path);
  useEffect(() => {
    if (seen.current === path) return;
    seen.current = path;
    notice.set(null);
    window.scrollTo(0, 0);
    main.current?.focus({ preventScroll: true });
  }, [path]);

  useEffect(() => {
    document.addEventListener('keydown', onKeyDown);
    return () => document.removeEventListener('keydown', onKeyDown);
  }, []);
  const go = (page: Page, href: string) => () => session.pages.includes(page) && navigate(href);
  useKeys({
    '/': () => search.current?.focus(),
    j: () => moveRow(1),
    k: () => moveRow(-1),
    'g r': go('refreshes', '/refreshes'),
    'g h': go('hosts', '/hosts'),
    'g t': go('tokens', '/tokens'),
    '?': () => showKeys(true),
  });

  return (
    <div class="frame">
      <a
        class="skip"
        href="#main"
        onClick={(event) => {
          event.preventDefault();
          main.current?.focus();
        }}
      >
        Skip to the page
      </a>
      <Side session={session} counts={data?.counts} />
      <dialog
        ref={drawer}
        class="drawer"
        aria-label="Menu"
        onClick={({ target, currentTarget }) => target === currentTarget && currentTarget.close()}
      >
        <Side session={session} counts={data?.counts} onClose={() => drawer.current?.close()} />
      </dialog>
      <div class="page">
        <UpdatedBar />
        <header class="top">
          <button type="button" class="btn bare menu" aria-label="Menu" onClick={() => drawer.current?.showModal()}>
            <Icon name="menu" />
          </button>
          <Crumbs />
          <Search input={search} />
          <LiveButton />
          <ThemeSwitch />
        </header>
        <main id="main" ref={main} tabindex={-1}>
          {children}
        </main>
      </div>
      <Spoken />
      {areKeysShown && <KeysDialog onClose={() => showKeys(false)} />}
    </div>
  );
}
