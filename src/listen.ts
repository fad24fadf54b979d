import type { INestApplication } from '@nestjs/common';

/** HOST or PORT cannot be used. The message is for the operator and needs no stack. */
export class CannotListen extends Error {
  override readonly name = 'CannotListen';
}

/** Throws CannotListen. */
export async function listen(app: INestApplication, { host, port }: { host: string; port: number }): Promise<void> {
  try {
    await app.listen(port, host);
  } catch (error) {
    throw new CannotListen(explain(error as NodeJS.ErrnoException, host, port), { cause: error });
  }
}

function explain({ code, message }: NodeJS.ErrnoException, host: string, port: number): string {
  switch (code) {
    case 'EADDRINUSE':
      return `PORT is taken: another process listens there already (${message}). Set PORT to another one.`;
    case 'EACCES':
      return `PORT ${port} is not allowed for this user (${message}). Set PORT to 1024 or above.`;
    case 'EADDRNOTAVAIL':
      return `HOST ${host} is not an address of this machine (${message}). Set HOST to one of its addresses, or to 0.0.0.0 for all.`;
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return `HOST ${host} cannot be resolved to an address (${message}). Set HOST to an address of this machine, or to 0.0.0.0 for all.`;
    default:
      return `The service cannot listen at HOST ${host} and PORT ${port}: ${message}.`;
  }
}
