import { ModuleOptions } from '@app/module-options';
import type { Provider } from '@nestjs/common';
import { z } from 'zod';
import type { ConsoleIdentity } from './console-identity.js';

const MIN_SESSION_SECRET_BYTES = 32;
const MIN_OPERATOR_SECRET_LENGTH = 24;

const consoleOptionsSchema = z.strictObject({
  /**
   * The key that signs sessions: at least 32 bytes, the same in every process. Default: a random one, which is created once and stored in
   * the database.
   * @takesEffect start
   */
  sessionSecret: z
    .string()
    .refine((secret) => Buffer.byteLength(secret) >= MIN_SESSION_SECRET_BYTES, {
      error: `must have at least ${MIN_SESSION_SECRET_BYTES} bytes`,
    })
    .optional(),
  /**
   * The secret with which operators sign in: at least 24 characters. A new one signs all operators out. Without it, no operator can sign
   * in on the console's own page.
   * @takesEffect start
   */
  operatorSecret: z
    .string()
    .min(MIN_OPERATOR_SECRET_LENGTH, { error: `must have at least ${MIN_OPERATOR_SECRET_LENGTH} characters` })
    .optional(),
  /**
   * How partners can sign in on the console's own page: with an API key of their project, or with the wallet of its owner. With an empty
   * list they cannot.
   * @takesEffect start
   */
  partners: z.array(z.enum(['api-key', 'wallet'])).default(['api-key', 'wallet']),
  /**
   * Whether people can change anything on the console. With false, it is read-only.
   * @takesEffect each request
   */
  mayAct: z.boolean().default(true),
  /**
   * Whether people can load the picture of a token, with a click and through the service: `on-click` or `off`. Browsers never request
   * what a stranger has named.
   * @takesEffect each request
   */
  images: z.enum(['off', 'on-click']).default('on-click'),
  /**
   * How long a session lasts, in hours.
   * @takesEffect each sign-in
   */
  sessionHours: z.int().min(1).max(720).default(12),
  /**
   * The origins at which browsers see the console, such as `https://console.example`. Set them if a proxy replaces the `Host` header.
   * Default: the origin of each request.
   * @takesEffect each request
   */
  publicOrigins: z
    .array(
      z.string().refine((origin) => URL.canParse(origin) && new URL(origin).origin === origin, {
        error: 'must be an origin without a path, such as "https://console.example"',
      }),
    )
    .default([]),
});

/** The options as a host application writes them. */
export type ConsoleOptions = z.input<typeof consoleOptionsSchema>;
/** The complete options, as injected. */
export type ConsoleConfig = z.output<typeof consoleOptionsSchema>;
export const CONSOLE_CONFIG = Symbol('ConsoleConfig');

/** Names, limits and defaults of the options. */
export const consoleOptions = new ModuleOptions('NftRefreshConsoleModule', consoleOptionsSchema);

/** The extras of the module: the path of the console, and how people are identified. */
export interface ConsoleExtras {
  /** The path of the console, below the global prefix and the path that `RouterModule` gives the module. Default: `console`. */
  path?: string;
  /**
   * A provider for your own ConsoleIdentity, which decides by the session of your application who is an operator and which project a
   * partner sees. The console's own sign-in page is then off. It can inject your own classes.
   */
  identify?: Provider<ConsoleIdentity> | undefined;
  /**
   * Class decorators that are put on our controllers, for example to exclude them from your global guards and throttlers.
   */
  decorators?: readonly ClassDecorator[];
}

export const standardExtras = { path: 'console', identify: undefined, decorators: [] } satisfies ConsoleExtras;

const extrasSchema = z.object({
  path: z
    .string()
    .regex(/^\/?[a-z0-9_-]+(\/[a-z0-9_-]+)*\/?$/i, {
      error: 'must be a path of letters, digits, "-", "_" and "/", such as "console"',
    })
    .transform((path) => path.split('/').filter(Boolean).join('/'))
    .default(standardExtras.path),
  identify: z.unknown(),
  decorators: z
    .array(z.custom<ClassDecorator>((value) => typeof value === 'function', 'must be a class decorator'))
    .default([]),
});

/** Removes slashes around the path. Throws an Error that names each wrong extra. */
export function completeExtras(extras: ConsoleExtras): { path: string; decorators: ClassDecorator[] } {
  const result = extrasSchema.safeParse(extras);
  if (!result.success) throw new Error(`NftRefreshConsoleModule: wrong options.\n${z.prettifyError(result.error)}`);
  return result.data;
}
