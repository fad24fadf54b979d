import { isRefreshReason } from '@app/metadata-refresh';
import { z } from 'zod';

const rule = 'must be a reason of a failure, such as timeout or status_404';

/** A reason by which a request selects failed tokens. */
export const failureReasonSchema = z
  .string({ error: rule })
  .refine((text): boolean => isRefreshReason(text), { error: rule });
