import type { MetadataEvent, RefreshCompleted, TokenMetadataChanged } from './metadata-event.js';
import { toMessage } from './webhook-message.js';

const occurrence = {
  occurredAt: new Date('2026-11-21T10:00:00Z'),
  projectId: 'p',
  collectionId: 'c',
  chainId: 1,
  collectionAddress: `0x${'a'.repeat(40)}`,
};
const change = (id: string, tokenId = '1'): TokenMetadataChanged => ({
  ...occurrence,
  type: 'token.metadata.changed',
  source: 'metadata_api',
  id,
  tokenId,
  changedFields: ['imageUrl', 'name'],
  traitsAdded: [{ traitType: 'Fur', value: 'é'.repeat(100) }],
  traitsRemoved: [],
  hasAllTraits: true,
  refreshIds: ['r'],
});
const completion = (id: string): RefreshCompleted => ({
  ...occurrence,
  type: 'refresh.completed',
  id,
  refreshId: 'r',
  trigger: 'api',
  total: 2,
  succeeded: 1,
  failed: 1,
  cancelled: 0,
  verdicts: { updated: 1, unchanged: 0, superseded: 0, held: 0, staged: 0, failed: 1, cancelled: 0 },
});
const parse = (events: MetadataEvent[], maxBytes = 100_000) => {
  const message = toMessage(events, maxBytes);
  return { ...message, body: JSON.parse(message.body) as { data: Record<string, object[]> } };
};

it('a webhook message holds events of one type and one transaction', () => {
  expect(parse([change('7-0'), change('7-1'), completion('7-2')])).toMatchObject({ id: 'msg_7-0', count: 2 });
  expect(parse([change('7-0'), change('8-0')])).toMatchObject({ id: 'msg_7-0', count: 1 });
  expect(parse([completion('7-2'), completion('7-3')])).toMatchObject({ id: 'msg_7-2', count: 2 });
});

it('a webhook message names fields as the token API does', () => {
  const { body } = parse([change('7-0')]);

  expect(body).toMatchObject({ type: 'token.metadata.changed', timestamp: '2026-11-21T10:00:00.000Z' });
  expect(body.data['changes']).toMatchObject([
    { event_id: '7-0', token_id: '1', changed_fields: ['image_url', 'name'] },
  ]);
});

it('a webhook message never exceeds the maximum size in bytes, unless a single event does', () => {
  const events = Array.from({ length: 50 }, (_, index) => change(`7-${index}`, String(index)));
  const one = Buffer.byteLength(toMessage(events.slice(0, 1), 100_000).body);

  for (const maxBytes of [one, one + 1, 2 * one, 5000, 10_000]) {
    const { body, count } = toMessage(events, maxBytes);
    expect(Buffer.byteLength(body)).toBeLessThanOrEqual(maxBytes);
    expect((JSON.parse(body) as { data: { changes: [] } }).data.changes).toHaveLength(count);
  }
  expect(toMessage(events, 10)).toMatchObject({ count: 1 });
});
