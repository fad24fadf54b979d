import { Controller, VERSION_NEUTRAL, type Type } from '@nestjs/common';

/** The controller, answering below a base path and decorated as is known only when the module is put together. */
export function mountedAt<T>(
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
