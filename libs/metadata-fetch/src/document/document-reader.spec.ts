import { LARGE_BODY } from '@app/safe-http';
import { ConsoleLogger, Logger } from '@nestjs/common';
import { parseGateways } from '../uri/gateways.js';
import { DocumentReader } from './document-reader.js';

beforeAll(() => Logger.overrideLogger(false));
afterAll(() => Logger.overrideLogger(new ConsoleLogger()));

const document = (bytes: number) => ({
  body: Buffer.from(JSON.stringify({ name: 'n'.repeat(bytes) })),
  contentType: null,
  url: 'https://api.example/1',
  tokenId: '1',
  gateways: parseGateways({}),
  acceptsMedia: false,
});

it('a large document fails as internal_error if its thread cannot start, and small ones are read all the same', async () => {
  const reader = new DocumentReader('/nowhere/read-document.worker.js');

  const results = [await reader.read(document(LARGE_BODY)), await reader.read(document(10))];

  expect(results).toMatchObject([{ kind: 'undecodable', reason: 'internal_error' }, { kind: 'read' }]);
});
