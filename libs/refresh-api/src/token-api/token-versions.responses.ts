import { REFRESH_TRIGGERS } from '@app/metadata-refresh';
import { z } from 'zod';
import { pageSchema } from '../project-api/project-api.responses.js';
import { timestampSchema } from '../time.schema.js';
import { versionChangeSchema } from '../version-change.schema.js';

const versionNumber = z
  .int()
  .min(1)
  .meta({ examples: [3] });

const versionFields = {
  version: versionNumber.meta({
    description: 'The first document of a token makes version 1, each change the next one.',
  }),
  created_at: timestampSchema,
  refresh_id: z
    .string()
    .nullable()
    .meta({
      format: 'uuid',
      description: 'The refresh that made it. It may have expired.',
      examples: ['6c5d2a3e-9b1c-4f6e-8a37-1d0f0a5b7c21'],
    }),
  trigger: z
    .string()
    .nullable()
    .meta({ description: `What requested that refresh: one of ${REFRESH_TRIGGERS.join(', ')}.`, examples: ['api'] }),
  content_hash: z.string().meta({ description: 'Versions with the same hash have the same content.' }),
  ...versionChangeSchema,
};

export const versionPageSchema = z
  .object({
    result: z.array(
      z.object({
        ...versionFields,
        has_document: z.boolean().meta({
          description:
            'Whether its document is kept, so that it can be read, compared and restored. The document of the current version always is.',
        }),
      }),
    ),
    ...pageSchema,
  })
  .meta({ id: 'VersionPage' });

export const versionSchema = z
  .object({
    ...versionFields,
    document: z.record(z.string(), z.unknown()).meta({ description: 'The document as served, with exact numbers.' }),
  })
  .meta({ id: 'Version' });

export const restorationSchema = z
  .object({
    refresh_id: z.string().meta({
      format: 'uuid',
      description: 'The completed refresh that records the restore, with the trigger `restore`.',
      examples: ['6c5d2a3e-9b1c-4f6e-8a37-1d0f0a5b7c21'],
    }),
    verdict: z.enum(['updated', 'unchanged']).meta({
      description: '`unchanged`: the record shows the content of this version already.',
    }),
    metadata_version: versionNumber.meta({ description: 'The version that the record has now.' }),
  })
  .meta({ id: 'Restoration' });

export const versionDiffSchema = z
  .object({
    from: versionNumber,
    to: versionNumber,
    ...versionChangeSchema,
    patch: z
      .array(z.object({ op: z.string(), path: z.string(), value: z.unknown().optional() }))
      .nullable()
      .meta({
        description:
          'The JSON Patch (RFC 6902) that makes the document of `from` into that of `to`, with exact numbers. `null`: the documents have more than a million characters together.',
        examples: [[{ op: 'replace', path: '/attributes/0/value', value: 'Gas' }]],
      }),
  })
  .meta({ id: 'VersionDiff' });
