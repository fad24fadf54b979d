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
  return endOfDocumentType(text);
}

/** What ends a part of a document type in which brackets are text. */
const TERMINATORS = new Map([
  ['<!--', '-->'],
  ['<?', '?>'],
  ['"', '"'],
  ["'", "'"],
]);

function endOfDocumentType(text: string): number {
  const token = /<!--|<\?|["'[\]>]/g;
  let hasOpenSubset = false;
  for (let match = token.exec(text); match; match = token.exec(text)) {
    const [found] = match;
    const terminator = TERMINATORS.get(found);
    if (terminator !== undefined) {
      token.lastIndex = endOf(text, terminator, token.lastIndex);
      if (token.lastIndex === -1) return -1;
    } else if (found !== '>') hasOpenSubset = found === '[';
    else if (!hasOpenSubset) return token.lastIndex;
  }
  return -1;
}

function endOf(text: string, terminator: string, from: number): number {
  const index = text.indexOf(terminator, from);
  return index === -1 ? -1 : index + terminator.length;
}
