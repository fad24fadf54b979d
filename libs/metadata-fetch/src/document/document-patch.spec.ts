import { applyPatch, type Operation } from 'rfc6902';
import { documentPatch } from './document-patch.js';

const patchOf = (from: unknown, to: unknown) =>
  JSON.parse(documentPatch(JSON.stringify(from), JSON.stringify(to))!) as Operation[];

const lamp = (value: string) => ({ trait_type: 'Lamp', value });

it.each([
  ['nothing, for equal documents', { name: 'A', tags: [1, 2] }, { tags: [1, 2], name: 'A' }, []],
  ['a changed member', { name: 'A' }, { name: 'B' }, [{ op: 'replace', path: '/name', value: 'B' }]],
  [
    'members that came and went',
    { name: 'A', old: null },
    { name: 'A', 'a/b~c': { deep: true } },
    [
      { op: 'remove', path: '/old' },
      { op: 'add', path: '/a~1b~0c', value: { deep: true } },
    ],
  ],
  [
    'one trait of several',
    { attributes: [lamp('Oil'), { trait_type: 'Level', value: 1 }] },
    { attributes: [lamp('Oil'), { trait_type: 'Level', value: 2 }] },
    [{ op: 'replace', path: '/attributes/1/value', value: 2 }],
  ],
  ['another kind of value', { decimals: '18' }, { decimals: 18 }, [{ op: 'replace', path: '/decimals', value: 18 }]],
])('a patch has %s', (_, from, to, patch) => {
  expect(patchOf(from, to)).toEqual(patch);
});

it('numbers in a patch keep every digit, and another spelling of a number is no change', () => {
  const from = '{"supply":12345678901234567890,"rate":1.10,"same":100000000000000000000.0}';
  const to = '{"supply":12345678901234567891,"rate":1.1,"same":1e20,"added":[0.12345678901234567890]}';

  expect(documentPatch(from, to)).toBe(
    '[{"op":"add","path":"/added","value":[0.12345678901234567890]},{"op":"replace","path":"/supply","value":12345678901234567891}]',
  );
});

it('a member with the name of a prototype is a member like any other', () => {
  const patch = documentPatch('{"__proto__":{"a":1},"toString":1}', '{"__proto__":{"a":2},"constructor":3}');

  expect(JSON.parse(patch!)).toEqual([
    { op: 'remove', path: '/toString' },
    { op: 'add', path: '/constructor', value: 3 },
    { op: 'replace', path: '/__proto__/a', value: 2 },
  ]);
});

describe('documents that take long to compare', () => {
  const list = (length: number, seed: number) => Array.from({ length }, (_, at) => ({ at: at * seed, name: `${at}` }));
  const nested = (seed: number) => Array.from({ length: 100 }, (_, at) => list(100, seed + at).map((one) => [one.at]));

  it.each([
    ['long lists that differ', list(10_000, 3), list(10_000, 7)],
    ['long lists of lists', nested(3), nested(5)],
    ['lists of objects without a common member', list(100, 3), list(100, 7).map(({ at, name }) => ({ [name]: at }))],
    ['many members', Object.fromEntries(list(10_000, 3).entries()), Object.fromEntries(list(10_000, 7).entries())],
  ])('%s are compared within a second of CPU time, and the patch is right', (_, from, to) => {
    const before = process.threadCpuUsage();
    const operations = patchOf({ list: from, name: 'A' }, { list: to, name: 'B' });
    const { user, system } = process.threadCpuUsage(before);

    const document = { list: structuredClone(from), name: 'A' };
    expect(applyPatch(document, operations).filter((error) => error !== null)).toEqual([]);
    expect(document).toEqual({ list: to, name: 'B' });
    expect(user + system).toBeLessThan(1_000_000);
  });

  it('a long list that is equal is not part of the patch', () => {
    expect(patchOf({ list: list(5000, 3), name: 'A' }, { list: list(5000, 3), name: 'B' })).toEqual([
      { op: 'replace', path: '/name', value: 'B' },
    ]);
  });

  it('documents of more than a megabyte together have no patch', () => {
    const large = JSON.stringify({ name: 'x'.repeat(600_000) });

    expect(documentPatch(large, large)).toBeNull();
  });
});
