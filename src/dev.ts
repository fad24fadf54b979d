import 'reflect-metadata';
import { MetadataHost } from '../test/support/metadata-host.js';
import { processVariables, readEnvironment } from './config/environment.js';
import { startService, type Service } from './start-service.js';

/** Where the misbehaving metadata host listens while one develops. */
const HOST_PORT = 4000;

// The service as `npm start` runs it, and beside it a metadata host that answers in every way there is.
const host = await MetadataHost.start(HOST_PORT);
const variables = processVariables();
const allowedHosts = [variables['FETCH_ALLOWED_HOSTS'], host.host].filter(Boolean).join(',');
const service = await startService(readEnvironment({ ...variables, FETCH_ALLOWED_HOSTS: allowedHosts }));
process.stdout.write(
  [
    `service:        ${service.url}, its documentation at ${service.url}/docs`,
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

for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => void stop(service));

async function stop(running: Service): Promise<void> {
  await running.stop();
  await host.close();
  process.exit(0);
}
