const BACKSLASH = 0x5c;

/** The index of the closing quote of the string that opens at `start`; the length of the text if there is none. */
export function endOfString(text: string, start: number): number {
  for (let index = text.indexOf('"', start + 1); index !== -1; index = text.indexOf('"', index + 1)) {
    let slashes = 0;
    while (text.charCodeAt(index - 1 - slashes) === BACKSLASH) slashes += 1;
    if (slashes % 2 === 0) return index;
  }
  return text.length;
}
