import { REFRESH_TRIGGERS, REQUESTED_TRIGGERS } from '@app/metadata-refresh';
import { z } from 'zod';

const triggersRule = `must be a list of one or more of ${REFRESH_TRIGGERS.join(', ')}`;
export const triggersSchema = z
  .array(z.enum(REFRESH_TRIGGERS, { error: `must be one of ${REFRESH_TRIGGERS.join(', ')}` }), { error: triggersRule })
  .min(1, { error: triggersRule })
  .meta({
    description: `Of \`refresh.completed\`: only refreshes with one of these triggers. Default: ${REQUESTED_TRIGGERS.join(', ')}.`,
  });
