export { nearestName } from './nearest-name.js';
export {
  besideFactory,
  checkNames,
  readOptions,
  unknownName,
  wrongOptions,
  type KnownNames,
} from './module-options.js';
