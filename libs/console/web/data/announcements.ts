import { Store } from './store.js';

/** What a screen reader says next: the text of the live region of the frame. */
export const announcement = new Store('');

/** The same sentence twice in a row is spoken twice: the second has a space that nobody hears. */
export function announce(text: string): void {
  announcement.set(announcement.value === text ? `${text}\u00A0` : text);
}
