/** Why a node refused `eth_getLogs`. */
export type LogError =
  /**
   * Too many blocks or too many logs. `maxBlocks`: how many blocks a call may span, as the node says; null: it does not say, so try
   * half. `isFixed`: a rule of the provider, not a property of these blocks.
   */
  | { kind: 'limit'; maxBlocks: number | null; isFixed: boolean }
  /** Too many requests. */
  | { kind: 'throttled' }
  /** The node does not have these blocks yet. */
  | { kind: 'behind' }
  | { kind: 'failed' };

interface BlockRange {
  fromBlock: number;
  toBlock: number;
}

const THROTTLED =
  /rate.?limit|too many requests|requests? (?:per|limit)|per second|throughput|compute units|capacity|credits|quota|daily/i;
const BEHIND =
  /beyond (?:the )?(?:current )?(?:chain )?head|unknown block|header not found|block .{0,20}not found|not yet available|greater than (?:the )?latest/i;
const LIMITED =
  /block range|range is|ranges? (?:over|above)|(?:range|response|result)\S* (?:is |set |size )?too|too (?:many|large|wide|big)|more than [\d,.]+ (?:results|logs|blocks)|exceed|limited to|max(?:imum)? (?:block )?(?:range|results|is)|at most [\d,.]+ blocks|response size|query tim(?:e|ed).?out|retry with/i;

const HEX_RANGE = /(0x[0-9a-f]+)\s*(?:,|-|to)\s*(0x[0-9a-f]+)/i;
const DECIMAL_RANGE = /range (\d+)\s*-\s*(\d+)/i;
/** Of a block range, not of results, bytes or seconds. Written with separators, or in thousands. */
const BLOCK_COUNTS = [
  /(?:max(?:imum)?|limited|up|at most|over|allowed|exceeds max)\D{0,24}?(?:\d+ - )?([\d][\d,._]*)\s*(k\b)?[- ]*(?:blocks?|range)/i,
  /(?:max|maximum)(?: allowed)?(?: block)? range\D{0,10}([\d][\d,._]*)\s*(k\b)?(?![\d,._]*\s*(?:results|logs|bytes|[kmg]b))/i,
  /(?:maximum|max|limit)(?: allowed)? is(?: set to)? ([\d][\d,._]*)\s*(k\b)?(?![\d,._]*\s*(?:results|logs|bytes|[kmg]b))/i,
  /\(\d+ > (\d+)\)()/,
];

/** Reads the error of a node. Providers share neither codes nor words. */
export function readLogError({ code, message }: { code: number; message: string }, queried: BlockRange): LogError {
  if (BEHIND.test(message)) return { kind: 'behind' };
  if (THROTTLED.test(message)) return { kind: 'throttled' };
  if (!LIMITED.test(message)) {
    // -32005 is both: most providers use it for rate limits, and those that do not name the limit.
    return code === 429 || code === -32_005 ? { kind: 'throttled' } : { kind: 'failed' };
  }
  const suggested = suggestedBlocks(message, queried);
  if (suggested !== null) return { kind: 'limit', maxBlocks: suggested, isFixed: false };
  const allowed = allowedBlocks(message);
  return allowed !== null && allowed < blocksOf(queried)
    ? { kind: 'limit', maxBlocks: allowed, isFixed: true }
    : { kind: 'limit', maxBlocks: null, isFixed: false };
}

/** The size of a range that the node says would work. It has to lie within the requested range. */
function suggestedBlocks(message: string, queried: BlockRange): number | null {
  const [, from, to] = HEX_RANGE.exec(message) ?? DECIMAL_RANGE.exec(message) ?? [];
  if (from === undefined || to === undefined) return null;
  const suggested = { fromBlock: Number(from), toBlock: Number(to) };
  const isWithin = suggested.fromBlock >= queried.fromBlock && suggested.toBlock <= queried.toBlock;
  const blocks = blocksOf(suggested);
  return isWithin && blocks >= 1 && blocks < blocksOf(queried) ? blocks : null;
}

function allowedBlocks(message: string): number | null {
  for (const pattern of BLOCK_COUNTS) {
    const [, digits, thousands] = pattern.exec(message) ?? [];
    const count = digits === undefined ? 0 : Number(digits.replaceAll(/[,._]/g, '')) * (thousands ? 1000 : 1);
    if (Number.isSafeInteger(count) && count >= 1) return count;
  }
  return null;
}

function blocksOf({ fromBlock, toBlock }: BlockRange): number {
  return toBlock - fromBlock + 1;
}
