import { previewRecord } from './record-preview.js';
import type { TokenMetadata } from './token-metadata.js';
import type { TokenRecord } from './token-record.js';

const fetchedAt = new Date('2026-11-29T12:00:00Z');
const hat = { traitType: 'Hat', value: 'Red', valueType: 'string', displayType: null, maxValue: null } as const;

const content = {
  name: 'Egg',
  description: null,
  imageUrl: null,
  imageOriginal: null,
  animationUrl: null,
  animationOriginal: null,
  externalUrl: null,
  youtubeUrl: null,
  backgroundColor: null,
  decimals: null,
  localization: { uri: 'https://a.example/{locale}', defaultLocale: 'en', locales: ['de'] },
  attributes: [hat],
  warnings: ['name_cut'],
  contentHash: 'a',
};

const stored: TokenRecord = {
  ...content,
  chainId: 1,
  collectionAddress: '0xa',
  collectionId: 'c',
  tokenId: '7',
  imageVersion: 3,
  metadataStatus: 'stale',
  metadataUrl: 'https://old.example/7',
  metadataSource: 'metadata_api',
  pushedBy: null,
  metadataVersion: 4,
  lastAttemptAt: new Date(2),
  lastSuccessAt: new Date(1),
  changedAt: new Date(1),
  staleSince: new Date(2),
  burnedAt: null,
  lastErrorCode: 'invalid_response_status_code',
  lastErrorReason: 'status_500',
  failCount: 2,
  lastRefreshId: 'r',
  registeredAt: new Date('2026-01-01T00:00:00Z'),
};

const preview = (metadata: Partial<TokenMetadata>, before = stored) =>
  previewRecord(before, {
    metadata: { ...content, raw: '{}', ...metadata },
    metadataUrl: 'https://new.example/7',
    metadataSource: 'metadata_api',
    fetchedAt,
  });

it('an equal document changes no content of a record, even if it would be read differently now, and ends its failure', () => {
  const { record, change } = preview({ contentHash: 'a', name: 'Read by other rules' });

  expect(change).toBeNull();
  expect(record).toEqual({
    ...stored,
    metadataStatus: 'ok',
    metadataUrl: 'https://new.example/7',
    lastAttemptAt: fetchedAt,
    lastSuccessAt: fetchedAt,
    staleSince: null,
    lastErrorCode: null,
    lastErrorReason: null,
    failCount: 0,
  });
});

it('another document makes a new version of a record, with its changed fields and traits', () => {
  const attributes = [{ ...hat, value: 'Blue' }];
  const { record, change } = preview({
    contentHash: 'b',
    name: 'Dragon',
    imageUrl: 'https://a.example/1.png',
    attributes,
  });

  expect(change).toEqual({
    collectionId: 'c',
    tokenId: '7',
    source: 'metadata_api',
    changedFields: ['name', 'imageUrl', 'attributes'],
    traitsAdded: [{ traitType: 'Hat', value: 'Blue' }],
    traitsRemoved: [{ traitType: 'Hat', value: 'Red' }],
    hasAllTraits: true,
  });
  expect(record).toMatchObject({
    name: 'Dragon',
    metadataVersion: 5,
    imageVersion: 4,
    changedAt: fetchedAt,
    contentHash: 'b',
    lastRefreshId: 'r',
  });
  expect(record).not.toHaveProperty('raw');
});

it('a field has not changed if only the order of its keys or the sign of a zero has', () => {
  const zero = { traitType: 'Age', value: 0, valueType: 'number', displayType: null, maxValue: null } as const;
  const { locales, uri, defaultLocale } = content.localization;
  const { change } = preview(
    {
      contentHash: 'b',
      localization: { locales, uri, defaultLocale },
      attributes: [{ maxValue: null, displayType: null, valueType: 'number', value: -0, traitType: 'Age' }],
    },
    { ...stored, attributes: [zero] },
  );

  expect(change).toMatchObject({ changedFields: [], traitsAdded: [], traitsRemoved: [] });
});
