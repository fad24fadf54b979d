import { z } from 'zod';
import { countSchema, timedSchema, timeSchema } from './values.schema.js';

/** `GET workers`: operators only. Those that were seen in the last day, the newest first. */
export const workerListSchema = timedSchema.extend({
  rows: z.array(
    z.object({
      id: z.string(),
      /** Of its machine and process, such as `worker-1 · 4211`. */
      name: z.string(),
      version: z.string(),
      state: z.enum(['alive', 'silent', 'stopped']),
      startedAt: timeSchema,
      lastHeartbeatAt: timeSchema,
      /** The hosts that it asks now. */
      hosts: z.array(z.object({ host: z.string(), share: countSchema, inUse: countSchema })),
    }),
  ),
});
export type WorkerList = z.output<typeof workerListSchema>;
