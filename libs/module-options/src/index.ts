export { mountController } from './mount-controller.js';
export { packageVersion } from './package-version.js';
export { nearestName } from './nearest-name.js';
export {
  besideFactory,
  checkNames,
  ModuleOptions,
  unknownName,
  wrongOptions,
  type KnownNames,
} from './module-options.js';
