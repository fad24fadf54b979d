export { nearestName } from './nearest-name.js';
export {
  besideFactory,
  checkNames,
  ModuleOptions,
  unknownName,
  wrongOptions,
  type KnownNames,
} from './module-options.js';
