import { z } from 'zod';

export const initiatedSchema = z
  .object({
    message: z.literal('Metadata refresh initiated'),
    refresh_id: z.string().meta({
      format: 'uuid',
      description: 'The id of the refresh. Read it at `GET /v1/metadata-refreshes/{refresh_id}` with the same key.',
      examples: ['6c5d2a3e-9b1c-4f6e-8a37-1d0f0a5b7c21'],
    }),
  })
  .meta({ id: 'RefreshInitiated' });

export const partnerErrorSchema = z
  .object({
    message: z.string().meta({ examples: ['Token not found'] }),
    token_ids: z.array(z.string()).optional().meta({ description: 'With "Token not found": the unknown ids.' }),
  })
  .meta({ id: 'PartnerApiError' });
