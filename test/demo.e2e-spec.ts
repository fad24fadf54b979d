import type { RefreshDetails, Session, SignIn } from '../libs/console/src/wire/index.js';
import { OWN_PAGE } from './support/console.js';
import { consoleOf, startDemo, untilShown, type Demo } from './support/demo.js';

/** Opens the page of the refresh that the demonstration names, and signs in as its output says. */
async function visitConsole({ url, refreshId }: ReturnType<typeof consoleOf>, credentials: SignIn) {
  const page = await fetch(`${url}refreshes/${refreshId}`);
  const signIn = await fetch(`${url}api/session`, {
    method: 'POST',
    headers: { ...OWN_PAGE },
    body: JSON.stringify(credentials),
  });
  const cookie = signIn.headers.get('set-cookie')?.split(';', 1)[0] ?? '';
  const read = await fetch(`${url}api/refreshes/${refreshId}`, { headers: { cookie } });
  const { refresh } = (await read.json()) as RefreshDetails;
  const { pages } = (await signIn.json()) as Session;
  return { page: page.status, signedIn: signIn.status, state: refresh.state, failed: refresh.failed, pages };
}

// Both wait most of the time for hosts that hang, so they run together. The second one starts when the first one has its port.
let ending: Demo;
let staying: Demo;
beforeAll(async () => {
  ending = startDemo('--once');
  await untilShown(ending, 'First refresh');
  staying = startDemo();
}, 120_000);

it('the demonstration shows a whole reveal, and a listing page that follows a chain, and ends with status 0 when the outcome is the expected one', async () => {
  const status = await ending.status;
  const out = ending.out();

  expect(out).toContain('490 succeeded, 12 failed');
  expect(out).toContain('Verdicts: 490 updated, 12 failed.');
  expect(out).toMatch(/ {2}\d × status_404, for example token \d+\n {6}Your server has no document for these tokens: /);
  expect(out).toMatch(/What changed, for example in token 1:\n {2}fields .*attributes\n {2}traits {2}\+ /);
  expect(out).toMatch(/minted\. .*"Lightship, calm" after/);
  expect(out).toMatch(/MetadataUpdate\(1\)\. .*"Lightship, in a storm" after/);
  expect(out).toMatch(/Reorganisation: .*"Lightship, calm" after/);
  expect(out).toContain('The outcome is the expected one.');
  expect(status).toBe(0);
});

it('the demonstration prints its help and ends with --help', async () => {
  const help = startDemo('--help');
  const status = await help.status;
  const out = help.out();

  expect(out).toMatch(/^Usage: npm run demo.*--once {2}end after/s);
  expect(out).not.toContain('Starting');
  expect(status).toBe(0);
});

it('the demonstration stays up without --once, and says where the documentation of the API and the console are and how to sign in', async () => {
  await untilShown(staying, 'Read and try its API');

  const url = /Read and try its API at (\S+\/docs)/.exec(staying.out())?.[1];
  const page = url && (await (await fetch(url)).text());
  const inConsole = consoleOf(staying);
  const { secret, apiKey } = inConsole;
  const visits = await Promise.all([
    visitConsole(inConsole, { kind: 'operator_secret', secret }),
    visitConsole(inConsole, { kind: 'api_key', apiKey }),
  ]);
  staying.process.kill('SIGINT');
  const status = await staying.status;

  expect(staying.out()).toContain('/docs');
  expect(page).toContain('<title>NFT metadata refresh</title>');
  expect(visits).toEqual([
    { page: 200, signedIn: 200, state: 'completed', failed: 12, pages: expect.arrayContaining(['chain', 'validate']) },
    { page: 200, signedIn: 200, state: 'completed', failed: 12, pages: expect.arrayContaining(['limits', 'validate']) },
  ]);
  expect(status).toBe(130);
}, 120_000);
