import type { ComponentChildren } from 'preact';
import { Link } from 'wouter-preact';
import type { Filters } from '../data/filters.js';

interface Head {
  text: string;
  isNumber?: boolean;
}

/** In narrow windows rows become blocks, which are no table rows for a screen reader: so the roles are said. */
export function Table({
  label,
  heads,
  children,
}: {
  label: string;
  heads: readonly (string | Head)[];
  children: ComponentChildren;
}) {
  return (
    <table role="table" aria-label={label}>
      <thead role="rowgroup">
        <tr role="row">
          {heads.map((head) => {
            const { text, isNumber = false } = typeof head === 'string' ? { text: head } : head;
            return (
              <th key={text} role="columnheader" scope="col" class={isNumber ? 'num' : undefined}>
                {text}
              </th>
            );
          })}
        </tr>
      </thead>
      <tbody role="rowgroup">{children}</tbody>
    </table>
  );
}

export function Row({ children }: { children: ComponentChildren }) {
  return <tr role="row">{children}</tr>;
}

/** `label` names the value where the head of the column is not shown. `hide`: there is no room for it in narrow windows. */
export function Cell({
  children,
  label,
  isNumber = false,
  isWide = false,
  hide = false,
}: {
  children: ComponentChildren;
  label?: string;
  isNumber?: boolean;
  isWide?: boolean;
  hide?: boolean;
}) {
  const names = [isNumber && 'num', isWide && 'wide', hide && 'hide'].filter(Boolean).join(' ');
  return (
    <td role="cell" class={names || undefined}>
      {label && (
        <span class="label" aria-hidden="true">
          {label}
        </span>
      )}
      {children}
    </td>
  );
}

/** What a row is about. `j` and `k` move between these links. */
export function RowLink({ href, children }: { href: string; children: ComponentChildren }) {
  return (
    <Link class="tok" href={href} data-row>
      {children}
    </Link>
  );
}

/** Filters with one choice, as links: the choice is in the URL. */
export function Tabs({
  label,
  choices,
}: {
  label: string;
  choices: readonly { href: string; text: string; count?: string; isCurrent: boolean }[];
}) {
  return (
    <nav class="tabs" aria-label={label}>
      {choices.map(({ href, text, count, isCurrent }) => (
        <Link key={text} href={href} aria-current={isCurrent ? 'true' : undefined}>
          {text}
          {count !== undefined && <span> {count}</span>}
        </Link>
      ))}
    </nav>
  );
}

/** Filters that are set, each with a way to remove it. */
export function Chips({ chips }: { chips: readonly { text: string; href: string }[] }) {
  if (chips.length === 0) return null;
  return (
    <div class="chips">
      {chips.map(({ text, href }) => (
        <span key={text} class="chip">
          {text}
          <Link class="btn bare icon" href={href} aria-label={`Remove the filter ${text}`}>
            <svg class="i" viewBox="0 0 16 16" aria-hidden="true">
              <path d="M4 4l8 8M12 4l-8 8" />
            </svg>
          </Link>
        </span>
      ))}
    </div>
  );
}

/** "Newer" is the way back in the history of the browser; a cursor only leads on. */
export function Pager({
  filters,
  next,
  back = 'Newer',
  onward = 'Older',
  children,
}: {
  filters: Pick<Filters<string>, 'cursor' | 'linkWith'>;
  next: string | null;
  /** The words of the two ways. */
  back?: string;
  onward?: string;
  children?: ComponentChildren;
}) {
  const isFirst = filters.cursor === null;
  if (isFirst && next === null && !children) return null;
  return (
    <div class="foot">
      {children}
      {!(isFirst && next === null) && (
        <span class="right">
          <button type="button" class="btn small" disabled={isFirst} onClick={() => history.back()}>
            {back}
          </button>
          {next === null ? (
            <button type="button" class="btn small" disabled>
              {onward}
            </button>
          ) : (
            <Link class="btn small" href={filters.linkWith({ cursor: next })}>
              {onward}
            </Link>
          )}
        </span>
      )}
    </div>
  );
}
