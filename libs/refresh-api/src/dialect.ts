import type { Provider, Type } from '@nestjs/common';
import type { DocumentBuilder } from '@nestjs/swagger';
import type { z } from 'zod';
import type { DialectFilter } from './dialect.filter.js';

/** The options of all dialects, complete. A dialect injects it with the type of its own options. */
export const REFRESH_API_CONFIG = Symbol('RefreshApiConfig');

/** Controllers of a dialect at one path. */
export interface DialectMount {
  /** Default: none. */
  basePath?: string;
  /** Below the base path, such as `collections/:address/refresh`. `''` is the base path itself. */
  path: string;
  /** In the order of their routes: of two that match, the first is called. */
  controllers: readonly Type<unknown>[];
  /** The limit for bodies of these routes, if theirs may be larger than others of the host application. */
  maxBodyBytes?: number;
}

/** A group of operations in the OpenAPI document. */
export interface DocumentedTag {
  name: string;
  description: string;
}

export type SecurityScheme = Parameters<DocumentBuilder['addSecurity']>[1];

/** One public wire format: everything that RefreshApiModule has to know of it. */
export interface Dialect {
  /** In texts: `zkEVM API`. */
  readonly title: string;
  /** Whose wire format it is: `Immutable zkEVM`. */
  readonly wireFormat: string;
  /** Its error responses, also to bodies and paths that cannot be read. It is a provider of RefreshApiModule, too. */
  readonly filter: Type<DialectFilter>;
  /** What its controllers inject, unless the host application provides it. */
  readonly providers?: readonly Provider[];
  /** Its tags in the OpenAPI document, in order. */
  readonly tags?: readonly DocumentedTag[];
  /** Its ways to authenticate in the OpenAPI document, by name, in addition to API keys in `x-api-key` and wallet signatures. */
  readonly securitySchemes?: Readonly<Record<string, SecurityScheme>>;
  /** Its controllers. Their routes are the paths of the dialect: mount a `fallbackController` for what they leave. */
  mounts(extras: object): readonly DialectMount[];
  /** A base path of which every path belongs to the dialect: an unknown one gets 404 from its filter. `false` if there is none. */
  ownedPath?(extras: object): string | false;
}

/** A dialect of this library. Its options and extras are among those of RefreshApiModule, so that their names differ from others'. */
export interface BuiltInDialect extends Dialect {
  readonly options: z.ZodObject;
  readonly extras: z.ZodObject;
}

/** The extras that every dialect gets, besides its own. */
export interface SharedExtras {
  exposeTokenRoutes: boolean;
}
