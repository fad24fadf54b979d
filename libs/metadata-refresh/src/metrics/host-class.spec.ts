import { hostClassOf } from './host-class.js';

it.each([
  ['api.example.com', 'http'],
  ['127.0.0.1:8080', 'http'],
  ['[::1]:8080', 'http'],
  ['ipfs:', 'ipfs'],
  ['ipns:', 'ipfs'],
  ['ar:', 'arweave'],
  ['chain:1/0xabc', 'contract'],
] as const)('the metadata host %s is of the class %s', (host, hostClass) => {
  expect(hostClassOf(host)).toBe(hostClass);
});
