import { canonicalJson, contentHash } from './content-hash.js';
import { parseExactly } from './exact-numbers.js';
import { isJsonObject } from './json-value.js';

const hashOf = (text: string) => {
  const { value } = parseExactly(text);
  if (!isJsonObject(value)) throw new TypeError('The test needs an object');
  return contentHash(value);
};

describe('content hashes', () => {
  it('the content hash is SHA-256 in hex', () => {
    expect(hashOf('{"a":1}')).toMatch(/^[0-9a-f]{64}$/);
  });

  it.each([
    ['the order of keys [G12]', '{"a":1,"b":{"c":2,"d":3}}', '{"b":{"d":3,"c":2},"a":1}'],
    ['white space [G12]', '{"a":[1,2]}', ' { "a" : [ 1 ,\n2 ] } '],
    ['escapes', '{"a":"é/"}', String.raw`{"a":"\u00e9\/"}`],
    ['the writing of numbers', '{"a":100,"b":12345678901234567890}', '{"a":1e2,"b":1234567890123456789e1}'],
    ['repeated keys', '{"a":1,"a":2}', '{"a":2}'],
  ])('the content hash does not depend on %s', (_, one, other) => {
    expect(hashOf(one)).toBe(hashOf(other));
  });

  it.each([
    ['a value', '{"a":1}', '{"a":2}'],
    ['a type', '{"a":1}', '{"a":"1"}'],
    ['the last digit of a large number', '{"a":12345678901234567890}', '{"a":12345678901234567891}'],
    ['the order of a list', '{"a":[1,2]}', '{"a":[2,1]}'],
    ['a null', '{"a":null}', '{}'],
    ['where a string ends', '{"a":"b","c":"d"}', '{"a":"b,1:c:1:d"}'],
    ['an empty list', '{"a":[]}', '{"a":{}}'],
    ['a __proto__ key', '{"a":1,"__proto__":2}', '{"a":1}'],
    ['digits as text', '{"a":12345678901234567890}', '{"a":"12345678901234567890"}'],
  ])('the content hash depends on %s', (_, one, other) => {
    expect(hashOf(one)).not.toBe(hashOf(other));
  });
});

describe('canonical JSON', () => {
  it('canonical JSON has sorted keys and no white space', () => {
    expect(canonicalJson(parseExactly('{"b": [1, null, true], "a": {"d": "x\\n", "c": 1.50}}').value)).toBe(
      String.raw`{"a":{"c":1.5,"d":"x\n"},"b":[1,null,true]}`,
    );
  });
});
