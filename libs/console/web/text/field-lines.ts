/** Where a document has what is not at its top level. */
const NESTED = 'properties';

/** The lines of a document that have one of these fields, from 1. None for a document of one line. */
export function linesOfFields(fields: readonly string[], document: string): number[] {
  if (fields.length === 0 || !document.includes('\n')) return [];
  const lines = topLevelKeys(document);
  const found = lines.filter(({ key }) => fields.includes(key));
  return (found.length > 0 ? found : lines.filter(({ key }) => key === NESTED)).map(({ line }) => line);
}

function topLevelKeys(document: string): { key: string; line: number }[] {
  const keys: { key: string; line: number }[] = [];
  let depth = 0;
  let line = 1;
  for (const [token, colon] of document.matchAll(/"(?:[^"\\]|\\.)*"(\s*:)?|[{}[\]\n]/g)) {
    if (/^[{[]$/.test(token)) depth += 1;
    else if (/^[}\]]$/.test(token)) depth -= 1;
    else if (colon !== undefined && depth === 1) keys.push({ key: token.slice(1, token.lastIndexOf('"')), line });
    line += token.split('\n').length - 1;
  }
  return keys;
}
