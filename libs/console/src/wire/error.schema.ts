import { z } from 'zod';

/** Every response with a status of 400 or more. */
export const errorSchema = z.object({
  /**
   * `not_signed_in` (401) · `wrong_credentials` (401) · `forbidden` (403) · `not_found` (404) · `conflict` (409) · `invalid_request` (400) ·
   * `limit_reached`, `too_many_sign_ins` (429) · `busy`, `database_unavailable` (503) · `internal_error` (500)
   */
  code: z.string(),
  /** A sentence for the person. */
  message: z.string(),
  /** The lines of the log that the request has caused have it. */
  requestId: z.string(),
});
export type ConsoleError = z.output<typeof errorSchema>;
