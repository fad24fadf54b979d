import { Controller, VERSION_NEUTRAL, type Type } from '@nestjs/common';

/** Returns a subclass of the controller with a path and decorators that depend on the options of the module. */
export function mountController<T>(
  basePath: string,
  path: string,
  controller: Type<T>,
  decorators: readonly ClassDecorator[],
): Type<T> {
  const Base = controller as Type<object>;
  const Mounted = class extends Base {};
  Object.defineProperty(Mounted, 'name', { value: controller.name });
  const whole = [basePath, path].filter(Boolean).join('/');
  Controller({ path: whole, version: VERSION_NEUTRAL })(Mounted);
  for (const decorate of decorators) decorate(Mounted);
  return Mounted as Type<T>;
}
