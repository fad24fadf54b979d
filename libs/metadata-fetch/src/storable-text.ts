const MAY_NEED_REPAIR = /\\u(?:0000|d[89a-f])/i;
const REPLACEMENT = String.raw`\ufffd`;

/**
 * Make JSON text storable as `jsonb`, which has no U+0000 and no half characters: each becomes U+FFFD, in keys and
 * values, raw or escaped. Everything else stays as it was served.
 */
export function toStorableText(text: string): string {
  const wellFormed = (text.includes('\0') ? text.replaceAll('\0', '\ufffd') : text).toWellFormed();
  return wellFormed.includes('\\u') && MAY_NEED_REPAIR.test(wellFormed) ? repairEscapes(wellFormed) : wellFormed;
}

/** From escape to escape, each taken whole, so that `\\u0000` (a backslash, then text) is not taken for one. */
function repairEscapes(text: string): string {
  let repaired = '';
  let copied = 0;
  let at = text.indexOf('\\');
  while (at !== -1) {
    let end = at + 2;
    const unit = unitAt(text, at);
    if (unit !== null) end = at + 6;
    if (isHighHalf(unit) && isLowHalf(unitAt(text, end))) {
      end += 6;
    } else if (unit === 0 || isHighHalf(unit) || isLowHalf(unit)) {
      repaired += text.slice(copied, at) + REPLACEMENT;
      copied = end;
    }
    at = text.indexOf('\\', end);
  }
  return copied === 0 ? text : repaired + text.slice(copied);
}

/** The UTF-16 unit that is escaped here; null if none is, or if the escape is no JSON and will be refused as such. */
function unitAt(text: string, at: number): number | null {
  if (!text.startsWith('\\u', at)) return null;
  const digits = text.slice(at + 2, at + 6);
  if (digits === '0000') return 0;
  const unit = Number(`0x${digits}`);
  return unit >= 0xd800 ? unit : null;
}

function isHighHalf(unit: number | null): boolean {
  return unit !== null && unit >= 0xd800 && unit <= 0xdbff;
}

function isLowHalf(unit: number | null): boolean {
  return unit !== null && unit >= 0xdc00 && unit <= 0xdfff;
}
