import 'reflect-metadata';
import { MetadataHost } from '@app/testing';
import { readEnvironment } from './config/environment.js';
import { processVariables } from './config/process-variables.js';
import { startService } from './start-service.js';
import { StopRequested, stopSignal, whenStopped } from './stop-signal.js';

/** The port of the misbehaving metadata host. */
const HOST_PORT = 4000;

// Runs the service as `npm start` does, beside a metadata host that shows every behaviour.
const stopping = stopSignal();
const host = await MetadataHost.start(HOST_PORT);
const variables = processVariables();
const allowedHosts = [variables['FETCH_ALLOWED_HOSTS'], host.host].filter(Boolean).join(',');
const environment = readEnvironment({ ...variables, FETCH_ALLOWED_HOSTS: allowedHosts });
const service = await startService(environment, stopping).catch((error: unknown) => {
  if (error instanceof StopRequested) process.exit(0);
  throw error;
});
process.stdout.write(
  [
    `service:        ${service.url}, its documentation at ${service.url}/docs`,
    ...(environment.hasConsole ? [`console:        ${service.url}/console`] : []),
    `metadata host:  ${host.url}/<anything>/<token id> gives a good document; these paths do not:`,
    MetadataHost.paths().join(' '),
    '',
    `npm run cli -- project create --name Dev --owner 0xf39fd6e51aad88f6f4ce6ab8827279cfffb92266`,
    `npm run cli -- api-key create --project <project_id>`,
    `npm run cli -- collection add --project <project_id> --address 0x5fbdb2315678afecb367f032d93f642f64180aa3 \\`,
    `  --metadata-url ${host.url}/dev --tokens 1-100`,
    '',
  ].join('\n'),
);

await whenStopped(stopping);
await service.stop();
await host.close();
process.exit(0);
