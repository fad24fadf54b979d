import { trimText } from './trimmed-text.js';

const NAME = /^<(?:[\w.-]+:)?svg[\s/>]/i;
/** As much of a text as is looked at: what stands before the root of a picture is short. */
const MAX_PROLOG_LENGTH = 64 * 1024;

/**
 * Whether a text is an SVG picture: its root element, with whatever XML lets stand before it: a byte order mark, white
 * space, the XML declaration and other instructions, comments, a document type with its own declarations.
 */
export function isSvg(text: string): boolean {
  let rest = trimText(text.slice(0, MAX_PROLOG_LENGTH));
  while (rest.startsWith('<?') || rest.startsWith('<!')) {
    const end = endOfProlog(rest);
    if (end === -1) return false;
    rest = trimText(rest.slice(end));
  }
  return NAME.test(rest);
}

/** Behind the instruction, comment or document type that the text begins with; -1: it has no end, or is of a web page. */
function endOfProlog(text: string): number {
  if (text.startsWith('<?')) return endOf(text, '?>', 2);
  if (text.startsWith('<!--')) return endOf(text, '-->', 4);
  if (!/^<!doctype\s+(?:[\w.-]+:)?svg[\s[>]/i.test(text)) return -1;
  const subset = text.indexOf('[');
  const close = text.indexOf('>');
  return subset !== -1 && subset < close ? endOf(text, '>', text.indexOf(']', subset)) : endOf(text, '>', 0);
}

function endOf(text: string, mark: string, from: number): number {
  const at = from === -1 ? -1 : text.indexOf(mark, from);
  return at === -1 ? -1 : at + mark.length;
}
