import { exactJson } from './exact-json.js';

it('numbers of a document keep their digits when it is printed as a part of another object', () => {
  const text = '{"supply":12345678901234567890.10,"list":[1e2,{"id":9007199254740993}],"name":"1","none":null}';

  expect(JSON.stringify({ document: exactJson(text) })).toBe(`{"document":${text}}`);
});
