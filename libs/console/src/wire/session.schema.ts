import { z } from 'zod';
import { timedSchema, timeSchema } from './values.schema.js';

export const PAGES = [
  'overview',
  'refreshes',
  'tokens',
  'failures',
  'validate',
  'reveals',
  'hosts',
  'workers',
  'webhooks',
  'chain',
  'projects',
  'limits',
] as const;

const operatorSchema = z.object({
  kind: z.literal('operator'),
  name: z.string(),
});
const partnerSchema = z.object({
  kind: z.literal('partner'),
  /** The name of the project. */
  name: z.string(),
  projectId: z.string(),
});

/** `GET session`, and the response to `POST session`. */
export const sessionSchema = timedSchema.extend({
  /** null: nobody is signed in. */
  person: z.discriminatedUnion('kind', [operatorSchema, partnerSchema]).nullable(),
  /** false: nothing can be changed, and no action is shown. */
  mayAct: z.boolean(),
  /** null: the host application decides. */
  expiresAt: timeSchema.nullable(),
  /** The pages that the person may see, in the order of the menu. */
  pages: z.array(z.enum(PAGES)),
  /** How one can sign in. All false: the host application signs people in. */
  signIn: z.object({ operatorSecret: z.boolean(), apiKey: z.boolean(), wallet: z.boolean() }),
  /** The project API of this application, for links and examples; null: there is none. */
  api: z
    .object({
      /** From the path of the console, such as `../v1`: proxies in front of both may add or strip a prefix. */
      path: z.string(),
      /** Whether anyone can read tokens there. */
      tokens: z.boolean(),
      /** Whether projects can manage their webhooks there. */
      webhooks: z.boolean(),
    })
    .nullable(),
  /** Whether pictures of tokens can be loaded. */
  images: z.enum(['off', 'on-click']),
  /** Of the console's files. Another one than that of the page: the console was updated. */
  build: z.string(),
  version: z.string(),
});
export type Session = z.output<typeof sessionSchema>;

/** `POST session`. */
export const signInSchema = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('operator_secret'),
    secret: z.string().max(1000),
    name: z.string().max(100).optional(),
  }),
  z.strictObject({ kind: z.literal('api_key'), apiKey: z.string().max(1000) }),
  z.strictObject({
    kind: z.literal('wallet'),
    /** As `POST session/challenge` has given it, unchanged. */
    text: z.string().max(4000),
    signature: z.string().max(20_000),
  }),
]);
export type SignIn = z.output<typeof signInSchema>;

/** `POST session/challenge`. */
export const challengeRequestSchema = z.strictObject({
  /** The address of the wallet that will sign: that of the project's owner. */
  address: z.string(),
});
export type ChallengeRequest = z.output<typeof challengeRequestSchema>;

/** An EIP-4361 text to sign with `personal_sign`. */
export const challengeSchema = timedSchema.extend({ text: z.string(), expiresAt: timeSchema });
export type Challenge = z.output<typeof challengeSchema>;
