import { useEffect } from 'preact/hooks';
import { Store } from './store.js';

const STORED = 'nft-console-keys';

/** Single keys can be in the way of speech control, so they can be turned off. */
export const singleKeys = new Store(stored() !== 'off');

function stored(): string | null {
  try {
    return localStorage.getItem(STORED);
  } catch {
    return null;
  }
}

export function setSingleKeys(isOn: boolean): void {
  singleKeys.set(isOn);
  try {
    localStorage.setItem(STORED, isOn ? 'on' : 'off');
  } catch {
    // Then it holds until the page is reloaded.
  }
}

type Handlers = Readonly<Record<string, () => void>>;

/** What the keys do, the newest page first. */
const layers: Handlers[] = [];
const SECOND_KEY_MS = 1500;
let first: { key: string; at: number } | null = null;

/** Keys of a page or of the frame: `f`, or `g r` for two keys in turn. */
export function useKeys(handlers: Handlers): void {
  useEffect(() => {
    layers.unshift(handlers);
    return () => void layers.splice(layers.indexOf(handlers), 1);
  });
}

export function onKeyDown(event: KeyboardEvent): void {
  if (!singleKeys.value || event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
  if (isTyping(event.target) || document.querySelector('dialog[open]')) return;
  const isSecond = first !== null && performance.now() - first.at < SECOND_KEY_MS;
  const keys = isSecond ? `${first!.key} ${event.key}` : event.key;
  first = null;
  const handler = layers.find((layer) => layer[keys])?.[keys];
  if (handler) {
    event.preventDefault();
    handler();
  } else if (!isSecond && layers.some((layer) => Object.keys(layer).some((name) => name.startsWith(`${keys} `)))) {
    first = { key: keys, at: performance.now() };
  }
}

function isTyping(target: EventTarget | null): boolean {
  return (
    target instanceof Element && target.closest('input:not([type=radio], [type=checkbox]), textarea, select') !== null
  );
}

/** Moves the focus to the next or the previous row. */
export function moveRow(step: 1 | -1): void {
  const rows = [...document.querySelectorAll<HTMLElement>('main [data-row]')];
  const index = rows.findIndex((row) => row === document.activeElement);
  const next = rows[index === -1 ? (step === 1 ? 0 : rows.length - 1) : index + step];
  next?.focus();
  next?.scrollIntoView({ block: 'nearest' });
}
