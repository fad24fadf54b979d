import { ModuleOptions } from '@app/module-options';
import { z } from 'zod';
import type { Dialect } from './dialect.js';
import { partnerApiExtras, partnerApiOptions } from './partner-api/partner-api.options.js';
import { projectApiExtras, projectApiOptions } from './project-api/project-api.options.js';
import { zkevmApiExtras, zkevmApiOptions } from './zkevm-api/zkevm-api.options.js';

/** Of each dialect. Not from the list of dialects, because the command line reads the options, and loads no controllers. */
const DIALECTS = [
  { options: projectApiOptions, extras: projectApiExtras },
  { options: partnerApiOptions, extras: partnerApiExtras },
  { options: zkevmApiOptions, extras: zkevmApiExtras },
] as const;

/** The options of one dialect and those of another, as one object. */
type All<Union> = (Union extends unknown ? (one: Union) => void : never) extends (all: infer Every) => void
  ? Every
  : never;

const allOf = <Part extends 'options' | 'extras'>(part: Part) =>
  Object.assign({}, ...DIALECTS.map((dialect) => dialect[part].shape)) as All<(typeof DIALECTS)[number][Part]['shape']>;

const refreshApiOptionsSchema = z.strictObject(allOf('options'));

/** The options of the module. */
export type RefreshApiOptions = z.input<typeof refreshApiOptionsSchema>;
/** The complete options, as injected. */
export type RefreshApiConfig = z.output<typeof refreshApiOptionsSchema>;

/** Names, limits and defaults of the options. */
export const refreshApiOptions = new ModuleOptions('RefreshApiModule', refreshApiOptionsSchema);

const extrasSchema = z.object(allOf('extras')).extend({
  /**
   * Whether anyone can read token records and traits below the project API's path. Default: false, because this reveals
   * which collections are registered.
   */
  exposeTokenRoutes: z.boolean().default(false),
  /** Wire formats of your own, whose routes come after ours. Default: none. */
  dialects: z
    .array(z.custom<Dialect>((value) => typeof value === 'object' && value !== null, 'must be a dialect'))
    .readonly()
    .default([]),
  /**
   * Class decorators that are put on our controllers, for example to exclude them from your global guards and
   * interceptors.
   */
  decorators: z
    .array(z.custom<ClassDecorator>((value) => typeof value === 'function', 'must be a class decorator'))
    .readonly()
    .default([]),
});

/** The extras of the module: which dialects exist, and their paths. */
export interface RefreshApiExtras extends z.input<typeof extrasSchema> {}
export type CompleteExtras = z.output<typeof extrasSchema>;
/** Complete, as injected. */
export const REFRESH_API_EXTRAS = Symbol('RefreshApiExtras');

/** With their defaults. */
export const standardExtras: CompleteExtras = extrasSchema.parse({});
export const refreshApiExtraNames = Object.keys(standardExtras) as (keyof RefreshApiExtras)[];

/** Removes slashes around paths. Throws an Error that names each wrong one. */
export function completeExtras(extras: RefreshApiExtras): CompleteExtras {
  const result = extrasSchema.safeParse(extras);
  if (!result.success) throw new Error(`RefreshApiModule: wrong options.\n${z.prettifyError(result.error)}`);
  return result.data;
}
