export {
  findMajorVersion,
  findPrograms,
  isOpenToAll,
  POSTGRES_USER,
  PROGRAMS_PREFIX,
  runProgram,
  runsAsRoot,
  serverUser,
} from './postgres-programs.js';
export type { PostgresPrograms } from './postgres-programs.js';
