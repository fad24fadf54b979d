import type { DynamicModule } from '@nestjs/common';
import { z } from 'zod';
import { nearestName } from './nearest-name.js';

/** The names that a module accepts. */
export interface KnownNames {
  /** Options. With forRootAsync, the factory returns them. */
  options: readonly string[];
  /** Extras, which are always passed to `forRoot` or `forRootAsync` itself. */
  extras: readonly string[];
}

/** Names that Nest itself accepts in `forRootAsync`. */
const ASYNC_NAMES = ['imports', 'inject', 'useFactory', 'useClass', 'useExisting'];

/** The options of one module: names, limits and defaults. */
export class ModuleOptions<Schema extends z.ZodObject = z.ZodObject> {
  /** The names of all options, without the extras that shape the module. */
  readonly names: readonly string[];

  constructor(
    /** The class name of the module, for error messages. */
    readonly module: string,
    readonly schema: Schema,
  ) {
    this.names = Object.keys(schema.shape);
  }

  /** Validates options and adds defaults. Throws an Error that names each invalid option and says what would be right. */
  complete(given: unknown): z.output<Schema> {
    const result = this.schema.safeParse(given);
    if (result.success) return result.data;
    throw wrongOptions(
      this.module,
      result.error.issues.flatMap((issue) =>
        issue.code === 'unrecognized_keys' && issue.path.length === 0
          ? issue.keys.map((name) => unknownName(name, this.names))
          : [z.prettifyError(new z.ZodError([issue])).replace(/^✖ /, '')],
      ),
    );
  }
}

/** Throws an Error that names each key that the module does not accept, or that belongs in the factory. */
export function checkNames(
  module: string,
  definition: Pick<DynamicModule, 'providers'>,
  given: object,
  { options, extras }: KnownNames,
): void {
  const [optionsProvider] = definition.providers ?? [];
  const hasFactory = typeof optionsProvider === 'object' && !('useValue' in optionsProvider);
  const known = hasFactory ? [...extras, ...ASYNC_NAMES] : [...extras, ...options];
  const mistakes = Object.keys(given)
    .filter((name) => !known.includes(name))
    .map((name) => (options.includes(name) ? besideFactory(name) : unknownName(name, known)));
  if (mistakes.length > 0) throw wrongOptions(module, mistakes);
}

/** The message for an option next to the factory that should return it. */
export function besideFactory(name: string): string {
  return `${name} belongs to what the factory returns: forRootAsync({ useFactory: () => ({ ${name}: … }) })`;
}

/** The message for an unknown name, of an option or of another `kind`. */
export function unknownName(name: string, known: readonly string[], kind = 'an option'): string {
  const nearest = nearestName(name, known);
  const all = known.length > 0 ? `there are ${known.toSorted().join(', ')}` : 'there are none';
  return `${name} is not ${kind} here; ${nearest ? `did you mean ${nearest}?` : all}`;
}

/** An Error with one line for each mistake. */
export function wrongOptions(module: string, mistakes: readonly string[]): Error {
  return new Error(`${module}: wrong options.\n${mistakes.map((mistake) => `✖ ${mistake}`).join('\n')}`);
}
