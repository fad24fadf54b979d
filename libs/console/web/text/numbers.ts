const COUNT = new Intl.NumberFormat('en', { maximumFractionDigits: 0 });
const SHORT = new Intl.NumberFormat('en', { notation: 'compact', maximumFractionDigits: 1 });
const RATE = new Intl.NumberFormat('en', { maximumSignificantDigits: 2 });

/** 7312 is "7,312". */
export function formatCount(count: number): string {
  return COUNT.format(count);
}

/** For the axis of a chart: 6000 is "6k". */
export function formatShort(count: number): string {
  return SHORT.format(count).toLowerCase();
}

/** "84" from ten on, and "3.4" below: a speed has no more exact digits. */
export function formatRate(perSecond: number): string {
  return perSecond >= 10 ? COUNT.format(perSecond) : RATE.format(perSecond);
}

/** Rounded down, so that 100% means all and nothing less; "less than 1%" as soon as there is anything. */
export function formatPercent(part: number, total: number): string {
  if (total === 0) return '100%';
  const percent = Math.floor((part * 100) / total);
  return percent === 0 && part > 0 ? '< 1%' : `${percent}%`;
}

/** One digit after the point, for shares that are near 100: "99.3%". 100.0% means all. */
export function formatShare(part: number, total: number): string {
  if (total === 0) return '–';
  if (part === total) return '100%';
  return `${(Math.floor((part * 1000) / total) / 10).toFixed(1)}%`;
}

/** "1 token", "2,665 tokens". */
export function plural(count: number, one: string, many = `${one}s`): string {
  return `${formatCount(count)} ${count === 1 ? one : many}`;
}

const BYTE_UNITS = ['bytes', 'KiB', 'MiB', 'GiB'];

export function formatBytes(bytes: number): string {
  if (bytes < 1024) return plural(bytes, 'byte');
  const power = Math.min(Math.floor(Math.log2(bytes) / 10), BYTE_UNITS.length - 1);
  return `${(bytes / 1024 ** power).toFixed(1)} ${BYTE_UNITS[power]}`;
}

const WORDS = ['no', 'one', 'two', 'three', 'four', 'five', 'six', 'seven', 'eight', 'nine', 'ten'];

/** Small numbers inside a sentence are words: "for three reasons". */
export function countWord(count: number): string {
  return WORDS[count] ?? formatCount(count);
}
