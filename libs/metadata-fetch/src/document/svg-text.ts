import { trimText } from '@app/metadata-uri';

const ROOT = /^<(?:[\w.-]+:)?svg[\s/>]/i;
/** Only this many characters are searched for the root element. */
const MAX_PROLOG_LENGTH = 64 * 1024;

/**
 * Whether a text is an SVG image: its root element, after everything that XML allows before it: a byte order mark, white space,
 * the XML declaration, processing instructions, comments, a document type with declarations.
 */
export function isSvg(text: string): boolean {
  let remaining = trimText(text.slice(0, MAX_PROLOG_LENGTH));
  while (remaining.startsWith('<?') || remaining.startsWith('<!')) {
    const end = endOfProlog(remaining);
    if (end === -1) return false;
    remaining = trimText(remaining.slice(end));
  }
  return ROOT.test(remaining);
}

/** The end of the instruction, comment or document type at the start of the text; -1: it has no end, or is HTML. */
function endOfProlog(text: string): number {
  if (text.startsWith('<?')) return endOf(text, '?>', 2);
  if (text.startsWith('<!--')) return endOf(text, '-->', 4);
  if (!/^<!doctype\s+(?:[\w.-]+:)?svg[\s[>]/i.test(text)) return -1;
  const subset = text.indexOf('[');
  const close = text.indexOf('>');
  return subset !== -1 && subset < close ? endOf(text, '>', text.indexOf(']', subset)) : endOf(text, '>', 0);
}

function endOf(text: string, terminator: string, from: number): number {
  const index = from === -1 ? -1 : text.indexOf(terminator, from);
  return index === -1 ? -1 : index + terminator.length;
}
