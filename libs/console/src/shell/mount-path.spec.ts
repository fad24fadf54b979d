import { pathBelowMount } from './mount-path.js';

it.each<[url: string, pattern: string, expected: string]>([
  ['/console/refreshes', '/console/*path', 'refreshes'],
  ['/console/refreshes/1?tab=now', '/console/*path', 'refreshes/1'],
  ['/console/refreshes/', '/console/*path', 'refreshes/'],
  ['/console/hosts/ipfs%3A%2F', '/console/*path', 'hosts/ipfs%3A%2F'],
  ['/console/', '/console/*', ''],
  ['/api/shop/1/console/x/y', '/api/shop/:id/console/*path', 'x/y'],
  ['/console/console/a', '/console/*path', 'console/a'],
])('of %s, routed by %s, %j is below the console', (url, pattern, expected) => {
  const request = { method: 'GET', url, headers: {}, protocol: 'http' };

  expect(pathBelowMount({ ...request, route: { path: pattern } })).toBe(expected);
  expect(pathBelowMount({ ...request, routeOptions: { url: pattern } })).toBe(expected);
});
