import { RequestMethod, type INestApplication } from '@nestjs/common';
import { ModulesContainer } from '@nestjs/core';
import { MetadataHost } from '@app/testing';
import { ConsoleVisitor, startConsoleHost } from './support/console.js';
import { createDatabase, type TestDatabase } from './support/database.js';
import { aStudio } from './support/host-app.js';

/** Of things that nobody has. */
const PARAMETERS: Readonly<Record<string, string>> = {
  ':id': '6c5d2a3e-9b1c-4f6e-8a37-1d0f0a5b7c21',
  ':host': 'nobody.example',
  ':prefix': 'abcdef',
  ':chain': '1',
  ':address': `0x${'12'.repeat(20)}`,
  ':token_id': '1',
};

let metadataApi: MetadataHost;
let database: TestDatabase;
let app: INestApplication;
beforeAll(async () => {
  [database, metadataApi] = await Promise.all([createDatabase(), MetadataHost.start()]);
  app = await startConsoleHost(database, metadataApi);
});
afterAll(async () => {
  await app.close();
  await metadataApi.close();
  await database.drop();
});

type Method = 'post' | 'put' | 'delete';
const METHODS: Partial<Record<RequestMethod, Method>> = {
  [RequestMethod.POST]: 'post',
  [RequestMethod.PUT]: 'put',
  [RequestMethod.DELETE]: 'delete',
};

/** The endpoints of the console that change something, but those of its sessions. An estimate changes nothing. */
function listActions(): { method: Method; endpoint: string }[] {
  const controllers = [...app.get(ModulesContainer).values()].flatMap((module) => [...module.controllers.values()]);
  return controllers.flatMap(({ metatype }) => {
    const [, below] = String(Reflect.getMetadata('path', metatype as object)).split('console/api/');
    if (below === undefined || below === 'session') return [];
    const handlers = Object.getPrototypeOf((metatype as { prototype: object }).prototype) as Record<string, object>;
    return Object.getOwnPropertyNames(handlers).flatMap((name) => {
      const method = METHODS[Reflect.getMetadata('method', handlers[name]!) as RequestMethod];
      const path = String(Reflect.getMetadata('path', handlers[name]!));
      return method && !path.endsWith('/estimate')
        ? [{ method, endpoint: `${below}/${path}`.replace(/\/+$/, '') }]
        : [];
    });
  });
}

const sendTo = (visitor: ConsoleVisitor, { method, endpoint }: ReturnType<typeof listActions>[number]) => {
  const path = endpoint.replaceAll(/:\w+/g, (name) => PARAMETERS[name]!);
  return method === 'delete' ? visitor.delete(path) : visitor[method](path, {});
};

async function takeLog() {
  return database.query<{ who: string; outcome: string }>(
    'with taken as (delete from nft_metadata.console_actions returning who, outcome) select who, outcome from taken',
  );
}

it('every endpoint that changes something logs who has asked for it, also if it is refused [K23]', async () => {
  const { apiKey } = await aStudio(app, metadataApi);
  const people = {
    Mira: await new ConsoleVisitor(app).asOperator('Mira'),
    Studio: await new ConsoleVisitor(app).withApiKey(apiKey),
  };
  const actions = listActions();
  await takeLog();

  expect(actions.length).toBeGreaterThan(14);
  for (const [who, visitor] of Object.entries(people)) {
    for (const action of actions) {
      const { status, body } = await sendTo(visitor, action);
      const outcome = status < 300 ? 'done' : (body as { code: string }).code;
      expect([action.endpoint, await takeLog()]).toEqual([action.endpoint, [{ who, outcome }]]);
      if (who === 'Studio') expect([action.endpoint, status]).toEqual([action.endpoint, expect.toBeOneOf([400, 404])]);
    }
  }
});

it('whoever may change nothing is refused by every endpoint that changes something, and that is logged [K22] [K23]', async () => {
  const readOnly = await startConsoleHost(database, metadataApi, { mayAct: false });
  const visitor = await new ConsoleVisitor(readOnly).asOperator('Jo');
  await takeLog();

  for (const action of listActions()) {
    const { status } = await sendTo(visitor, action);
    expect([action.endpoint, status, await takeLog()]).toEqual([
      action.endpoint,
      403,
      [{ who: 'Jo', outcome: 'forbidden' }],
    ]);
  }
  await readOnly.close();
});
