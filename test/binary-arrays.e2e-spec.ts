import { bigintArray, booleanArray, integerArray, textArray, uuidArray } from '@app/database';
import { createEmptyDatabase } from './support/database.js';

let database: Awaited<ReturnType<typeof createEmptyDatabase>>;
beforeAll(async () => {
  database = await createEmptyDatabase();
});
afterAll(() => database.drop());

async function received(type: string, array: Buffer): Promise<(string | null)[]> {
  const rows = await database.query<{ value: string | null }>(
    `select value::text as value from unnest($1::${type}[]) with ordinality as one (value, place) order by place`,
    [array],
  );
  return rows.map(({ value }) => value);
}

it('PostgreSQL reads texts of a binary array as they were given: quotes, escapes, every script, empty text and null', async () => {
  const texts = [
    '',
    'NULL',
    '{"a","b"}',
    String.raw`back\slash "quotes" 'single'`,
    'line\nbreak\ttab',
    '灯台 👩‍🚀 Ж',
    'x'.repeat(3_000_000),
  ];

  expect(await received('text', textArray([...texts, null, undefined]))).toEqual([...texts, null, null]);
});

it('half a surrogate pair in a binary array becomes U+FFFD, as in the text form', async () => {
  expect(await received('text', textArray(['a\uD800b']))).toEqual(['a\uFFFDb']);
});

it('PostgreSQL reads numbers of a binary array to the last digit', async () => {
  const bigints = [
    '0',
    '-1',
    '4294967296',
    '-4294967297',
    '9007199254740993',
    '9223372036854775807',
    '-9223372036854775808',
  ];

  expect(await received('bigint', bigintArray([...bigints, null]))).toEqual([...bigints, null]);
  expect(await received('bigint', bigintArray([7, -7, 2 ** 40 + 1, 12n]))).toEqual(['7', '-7', '1099511627777', '12']);
  expect(await received('integer', integerArray([0, -2_147_483_648, 2_147_483_647, null]))).toEqual([
    '0',
    '-2147483648',
    '2147483647',
    null,
  ]);
});

it('a binary array rejects what its type cannot hold', () => {
  expect(() => integerArray([2 ** 31])).toThrow(RangeError);
  expect(() => uuidArray(['1b5c3c7e-4f1b-4c9f-9f5c-01234567'])).toThrow('is not a UUID');
  expect(() => uuidArray(['1b5c3c7e-4f1b-4c9f-9f5c-0123456789zz'])).toThrow('is not a UUID');
});

it('PostgreSQL reads identifiers and booleans of a binary array', async () => {
  const [one, other] = ['1b5c3c7e-4f1b-4c9f-9f5c-0123456789ab', 'ffffffff-ffff-4fff-bfff-ffffffffffff'];

  expect(await received('uuid', uuidArray([one, one, other, one]))).toEqual([one, one, other, one]);
  expect(await received('boolean', booleanArray([true, false]))).toEqual(['true', 'false']);
});

it('PostgreSQL reads an empty binary array', async () => {
  expect(await received('text', textArray([]))).toEqual([]);
  expect(await received('bigint', bigintArray([]))).toEqual([]);
});
