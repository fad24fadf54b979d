import { inRequest, outsideRequests, parseRequestId, requestId } from './request-id.js';

it.each(['f3b1c1c0-1f0a-4b6e-9d0f-0d9b3d2f1a11', '01J9ZQ4T0X', 'a'.repeat(64), 'Root_1'])(
  'the request id %s of a caller is kept',
  (header) => {
    expect(parseRequestId(header)).toBe(header);
  },
);

it.each([undefined, '', ' ', 'a b', 'a'.repeat(65), 'one,two', 'line\nbreak', '{"msg":"forged"}', 'ä', ['one', 'two']])(
  'the request id %j of a caller is not kept',
  (header) => {
    expect(parseRequestId(header)).toBeUndefined();
  },
);

it('a request id is known in all that a request waits for, and not in what it leaves behind', async () => {
  const seen = await new Promise<(string | undefined)[]>((done) => {
    inRequest('one', () => {
      void Promise.resolve()
        .then(() => [requestId(), outsideRequests(requestId), requestId()])
        .then(done);
    });
  });

  expect([...seen, requestId()]).toEqual(['one', undefined, 'one', undefined]);
});
