import { z } from 'zod';
import { failureReasonSchema } from '../failure-reason.schema.js';
import { strictObject } from '../strict-object.js';
import { withoutBody } from '../without-body.js';

const reasonsRule = 'must be a list of 1 to 50 reasons, such as ["timeout"]';
export const retryRefreshSchema = withoutBody(
  strictObject(
    {
      reasons: z
        .array(failureReasonSchema, { error: reasonsRule })
        .min(1, { error: reasonsRule })
        .max(50, { error: reasonsRule })
        .optional()
        .meta({
          description: 'Only tokens that failed for one of these reasons. Absent: all failed tokens.',
          examples: [['timeout', 'status_503']],
        }),
    },
    'a field',
  ),
);
export type RetryRefresh = z.output<typeof retryRefreshSchema>;
