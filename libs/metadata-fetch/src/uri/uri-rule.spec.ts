import { appendTokenId, toTokenUri, type UriRule } from './uri-rule.js';

it.each<[UriRule, string, string]>([
  ['standard', 'https://host.example/{id}', 'https://host.example/{id}'],
  ['base_uri', 'https://host.example/{id}', 'https://host.example/{id}'],
  ['as_is', 'https://host.example/{id}', 'https://host.example/{id}'],
  ['append_decimal', 'https://host.example/', 'https://host.example/7'],
])('with the rule %s the result %s becomes the token URI %s', (uriRule, result, uri) => {
  const standard = uriRule === 'as_is' ? 'erc721' : 'erc1155';

  expect(toTokenUri(result, { uriRule, tokenId: '7', standard: 'erc1155' })).toEqual({
    kind: 'token_uri',
    uri,
    standard,
  });
});

it.each([
  ['http://host/api/card/', 'http://host/api/card/5710384980761197878'],
  ['http://host/api/card', 'http://host/api/card/5710384980761197878'],
  [' http://host/api/card//\0 ', 'http://host/api/card/5710384980761197878'],
  ['ipfs://CID', 'ipfs://CID/5710384980761197878'],
  ['', ''],
  [' \0', ''],
])('the token id is appended to %j after one slash [A7, A8]', (base, uri) => {
  expect(appendTokenId(base, '5710384980761197878')).toBe(uri);
});
