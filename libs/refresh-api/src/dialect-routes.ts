import { mountController } from '@app/module-options';
import { Inject, Injectable, type Type } from '@nestjs/common';
import { ApplicationConfig, ModuleRef, ModulesContainer } from '@nestjs/core';
import type { Dialect } from './dialect.js';
import type { DialectFilter } from './dialect.filter.js';
import { patternOf, prefixesOf, routesBelow, routesOf, segmentsOf } from './route-patterns.js';

/** A dialect with the controllers that this application has of it. */
export interface MountedDialect {
  dialect: Dialect;
  controllers: readonly Type<unknown>[];
  routes: readonly DialectRoute[];
  ownedPath: string | false;
}

interface DialectRoute {
  path: string;
  maxBodyBytes?: number;
}

export const MOUNTED_DIALECTS = Symbol('MountedDialects');

/** Gives the controllers of a dialect their paths. */
export function mountDialect(dialect: Dialect, extras: object, decorators: readonly ClassDecorator[]): MountedDialect {
  const mounted = dialect.mounts(extras).map(({ basePath = '', path, controllers, maxBodyBytes }) => {
    const placed = controllers.map((controller) => mountController(basePath, path, controller, decorators));
    return {
      controllers: placed,
      routes: placed.flatMap((controller) =>
        routesOf(controller).map((route) => ({ path: route, ...(maxBodyBytes !== undefined && { maxBodyBytes }) })),
      ),
    };
  });
  return {
    dialect,
    controllers: mounted.flatMap(({ controllers }) => controllers),
    routes: mounted.flatMap(({ routes }) => routes),
    ownedPath: dialect.ownedPath?.(extras) ?? false,
  };
}

interface LocatedRoute {
  pattern: RegExp;
  depth: number;
  filter: DialectFilter;
  maxBodyBytes: number | undefined;
}

/** Tells which paths belong to a dialect, below the prefixes of the host application. */
@Injectable()
export class DialectRoutes {
  /** The most specific first. */
  private located: readonly LocatedRoute[] = [];
  private prefixes: readonly string[] = [];

  constructor(
    private readonly application: ApplicationConfig,
    private readonly modules: ModulesContainer,
    private readonly providers: ModuleRef,
    @Inject(MOUNTED_DIALECTS) private readonly mounted: readonly MountedDialect[],
  ) {}

  /** Call it before the first request: the prefixes of the host application are known when Nest configures its modules. */
  locate(module: Type): void {
    this.prefixes = prefixesOf(module, this.application, this.modules);
    this.located = this.mounted
      .flatMap(({ dialect, routes, ownedPath }) => {
        const filter = this.filterOf(dialect);
        const owned = ownedPath === false ? [] : [{ path: `${ownedPath}/*path` }];
        return [...routes, ...owned].flatMap(({ path, maxBodyBytes }: DialectRoute) =>
          this.prefixes.map((prefix) => ({
            pattern: patternOf(prefix, path),
            depth: path.split('/').filter(Boolean).length,
            filter,
            maxBodyBytes,
          })),
        );
      })
      .toSorted((one, other) => other.depth - one.depth);
  }

  /** The filter of the dialect to which a whole path, or the pattern of a route, belongs. */
  filterAt(path: string): DialectFilter | undefined {
    return this.located.find(({ pattern }) => pattern.test(path))?.filter;
  }

  /** The limit for bodies there, if it is not that of the host application. */
  maxBodyBytesAt(path: string): number | undefined {
    return this.located.find(({ pattern, maxBodyBytes }) => maxBodyBytes !== undefined && pattern.test(path))
      ?.maxBodyBytes;
  }

  /** A path below the global prefix and, if that has exceptions, the path without it. */
  pathsBelowPrefixes(path: string): string[] {
    return this.prefixes.map((prefix) => `/${segmentsOf(prefix, path).join('/')}`);
  }

  get hasBodyLimits(): boolean {
    return this.mounted.some(({ routes }) => routes.some(({ maxBodyBytes }) => maxBodyBytes !== undefined));
  }

  /** The base paths that belong to one dialect alone. */
  owned(): { filter: DialectFilter; matches: (path: string) => boolean; fastifyRoutes: readonly string[] }[] {
    return this.mounted.flatMap(({ dialect, ownedPath }) => {
      if (ownedPath === false) return [];
      const patterns = this.prefixes.map((prefix) => patternOf(prefix, `${ownedPath}/*path`));
      return {
        filter: this.filterOf(dialect),
        matches: (path: string) => patterns.some((pattern) => pattern.test(path)),
        fastifyRoutes: routesBelow(this.prefixes, ownedPath),
      };
    });
  }

  private filterOf({ filter }: Dialect): DialectFilter {
    return this.providers.get(filter);
  }
}
