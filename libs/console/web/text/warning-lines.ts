/** The keys from which a field of the record is read, as docs/reference/metadata-documents.md lists them. */
const KEYS: Readonly<Record<string, readonly string[]>> = {
  name: ['name', 'title', 'label'],
  description: ['description'],
  image: [
    'image',
    'image_url',
    'imageUrl',
    'image_uri',
    'imageUri',
    'image_data',
    'svg_image_data',
    'image_content',
    'media_uri',
    'mediaUri',
  ],
  animation_url: ['animation_url', 'animation', 'animationUrl', 'animation_uri', 'animationUri'],
  external_url: ['external_url', 'external_link', 'externalUrl', 'external_uri'],
  youtube_url: ['youtube_url'],
  background_color: ['background_color'],
  attributes: ['attributes', 'traits'],
};
/** Where a document has what is not at its top level. */
const NESTED = 'properties';

/** The lines of a document that a warning is about, from 1: those with a key of its field. None for a document of one line. */
export function linesOfWarning(code: string, document: string): number[] {
  const keys = keysOf(fieldOf(code));
  if (keys.length === 0 || !document.includes('\n')) return [];
  const lines = topLevelKeys(document);
  const found = lines.filter(({ key }) => keys.includes(key));
  return (found.length > 0 ? found : lines.filter(({ key }) => key === NESTED)).map(({ line }) => line);
}

/** None for a name of another kind. */
export function keysOf(field: string): readonly string[] {
  return Object.hasOwn(KEYS, field) ? KEYS[field]! : [];
}

/** Of `relative_image` and `name_cut`, for example; those about one attribute are about the attributes. */
function fieldOf(code: string): string {
  if (/attribute|^invalid_date$/.test(code)) return 'attributes';
  return code.replace(/^(nested|unsafe|private|relative|invalid)_/, '').replace(/_cut$/, '');
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
