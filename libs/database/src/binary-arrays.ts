/**
 * PostgreSQL arrays in binary form, as parameters of SQL statements: `unnest(${textArray(names)}::text[])`. The driver
 * sends a Buffer as it is. The server reads it without quotes and escapes, which for documents is several times cheaper
 * than the text form on both sides.
 */
export function textArray(values: readonly (string | null | undefined)[]): Buffer {
  begin(OIDS.text, values.length);
  for (const value of values) {
    if (value === null || value === undefined) {
      writeNull();
      continue;
    }
    // UTF-8 takes at most three bytes for each UTF-16 unit.
    reserve(4 + value.length * 3);
    const length = scratch.write(value, at + 4, 'utf8');
    scratch.writeInt32BE(length, at);
    at += 4 + length;
  }
  return end();
}

/** Values between -2^53 and 2^53, or decimal text of any `bigint`. */
export function bigintArray(values: readonly (number | string | bigint | null)[]): Buffer {
  begin(OIDS.bigint, values.length);
  reserve(values.length * 12);
  for (const value of values) {
    if (value === null) {
      writeNull();
      continue;
    }
    scratch.writeInt32BE(8, at);
    const number = Number(value);
    if (Number.isSafeInteger(number)) {
      scratch.writeInt32BE(Math.floor(number / 2 ** 32), at + 4);
      scratch.writeUInt32BE(number >>> 0, at + 8);
    } else {
      scratch.writeBigInt64BE(BigInt(value), at + 4);
    }
    at += 12;
  }
  return end();
}

/** Throws a RangeError for a value that is no 32-bit integer. */
export function integerArray(values: readonly (number | null | undefined)[]): Buffer {
  begin(OIDS.integer, values.length);
  reserve(values.length * 8);
  for (const value of values) {
    if (value === null || value === undefined) {
      writeNull();
      continue;
    }
    scratch.writeInt32BE(4, at);
    scratch.writeInt32BE(value, at + 4);
    at += 8;
  }
  return end();
}

export function booleanArray(values: readonly boolean[]): Buffer {
  begin(OIDS.boolean, values.length);
  reserve(values.length * 5);
  for (const value of values) {
    scratch.writeInt32BE(1, at);
    scratch.writeUInt8(value ? 1 : 0, at + 4);
    at += 5;
  }
  return end();
}

/** Throws an Error for text that is not a UUID. */
export function uuidArray(values: readonly string[]): Buffer {
  begin(OIDS.uuid, values.length);
  reserve(values.length * 20);
  let previous: string | undefined;
  for (const value of values) {
    scratch.writeInt32BE(16, at);
    // Most arrays have the same id many times.
    if (value === previous) scratch.copyWithin(at + 4, at - 16, at);
    else if (scratch.write(value.replaceAll('-', ''), at + 4, 16, 'hex') !== 16)
      throw new Error(`${value} is not a UUID`);
    previous = value;
    at += 20;
  }
  return end();
}

/** The object ids of `pg_type`: fixed by PostgreSQL for its own types. */
const OIDS = { boolean: 16, bigint: 20, integer: 23, text: 25, uuid: 2950 };

const SCRATCH_BYTES = 1 << 20;
/** One array is written at a time, without awaiting, so all of them are made in one buffer. */
let scratch = Buffer.allocUnsafe(SCRATCH_BYTES);
let at = 0;

/** The header: dimensions, whether there may be nulls, element type, length, lower bound. */
function begin(type: number, length: number): void {
  at = 0;
  reserve(20);
  scratch.writeInt32BE(length === 0 ? 0 : 1, 0);
  scratch.writeInt32BE(1, 4);
  scratch.writeInt32BE(type, 8);
  at = 12;
  if (length === 0) return;
  scratch.writeInt32BE(length, 12);
  scratch.writeInt32BE(1, 16);
  at = 20;
}

function writeNull(): void {
  reserve(4);
  scratch.writeInt32BE(-1, at);
  at += 4;
}

function reserve(bytes: number): void {
  if (at + bytes <= scratch.length) return;
  const larger = Buffer.allocUnsafe(Math.max(scratch.length * 2, at + bytes));
  scratch.copy(larger, 0, 0, at);
  scratch = larger;
}

function end(): Buffer {
  const array = Buffer.from(scratch.subarray(0, at));
  // A batch of large documents should not hold its memory for ever.
  if (scratch.length > SCRATCH_BYTES * 8) scratch = Buffer.allocUnsafe(SCRATCH_BYTES);
  return array;
}
