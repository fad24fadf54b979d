import { METADATA_EVENT_TYPES } from '@app/metadata-events';
import { z } from 'zod';
import { cursorSchema, pageSizeSchema } from '../paging.schemas.js';
import { strictObject } from '../strict-object.js';
import { urlSchema } from '../url.schema.js';
import { withoutBody } from '../without-body.js';
import { triggersSchema } from './triggers.schema.js';
import { uuidParamSchema } from '../uuid-param.schema.js';

const eventsRule = `must be a list of one or more of ${METADATA_EVENT_TYPES.join(', ')}`;
const url = urlSchema.meta({
  description: '`https:`, to a public address.',
  examples: ['https://partner.example/hook'],
});
const events = z
  .array(z.enum(METADATA_EVENT_TYPES, { error: `must be one of ${METADATA_EVENT_TYPES.join(', ')}` }), {
    error: eventsRule,
  })
  .min(1, { error: eventsRule })
  .meta({ description: 'Default: all event types.' });

export const createWebhookSchema = strictObject(
  { url, events: events.optional(), triggers: triggersSchema.optional() },
  'a field',
).transform(({ url: address, events: types, ...rest }) => ({ url: address, types, ...rest }));
export type CreateWebhook = z.output<typeof createWebhookSchema>;

export const changeWebhookSchema = strictObject(
  { url: url.optional(), events: events.optional(), triggers: triggersSchema.optional() },
  'a field',
)
  .refine((body) => Object.keys(body).length > 0, { error: 'the body must have url, events or triggers' })
  .transform(({ url: address, events: types, ...rest }) => ({ url: address, types, ...rest }));
export type ChangeWebhook = z.output<typeof changeWebhookSchema>;

const keepRule = 'must be a whole number of hours from 0 to 168';
export const rotateSecretSchema = withoutBody(
  strictObject(
    {
      keep_old_hours: z
        .int({ error: keepRule })
        .min(0, { error: keepRule })
        .max(168, { error: keepRule })
        .default(24)
        .meta({
          description: 'For how many hours messages are signed with the old secrets as well; 0 if one has leaked.',
        }),
    },
    'a field',
  ).transform(({ keep_old_hours }) => ({ keepOldHours: keep_old_hours })),
);
export type RotateSecret = z.output<typeof rotateSecretSchema>;

export const enableWebhookSchema = withoutBody(
  strictObject(
    {
      skip_backlog: z
        .boolean({ error: 'must be true or false' })
        .default(false)
        .meta({ description: '`true`: continue with new events only. `false`: continue with the failed message.' }),
    },
    'a field',
  ).transform(({ skip_backlog }) => ({ skipBacklog: skip_backlog })),
);
export type EnableWebhook = z.output<typeof enableWebhookSchema>;

export const listDeliveriesSchema = strictObject(
  { page_size: pageSizeSchema, cursor: cursorSchema('bigint') },
  'a parameter',
).transform((query) => ({ limit: query.page_size, after: query.cursor }));
export type ListDeliveries = z.output<typeof listDeliveriesSchema>;

export const webhookIdSchema = uuidParamSchema('webhook_id').meta({
  format: 'uuid',
  examples: ['6c5d2a3e-9b1c-4f6e-8a37-1d0f0a5b7c21'],
});
