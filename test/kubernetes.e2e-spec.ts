import { existsSync } from 'node:fs';
import { BlockList } from 'node:net';
import { fileURLToPath } from 'node:url';
import { isPrivateHost } from '@app/safe-http';
import fc from 'fast-check';
import supertest from 'supertest';
import { createApiDocument } from '../src/api-reference.js';
import { environmentVariables, readEnvironment } from '../src/config/environment.js';
import { SHUTDOWN_TIMEOUT_MS } from '../src/stop-signal.js';
import { commandLine } from './support/command-line.js';
import { createEmptyDatabase } from './support/database.js';
import { imageVariables, lastOf, parseStages } from './support/dockerfile.js';
import { findSchemaProblems } from './support/kubernetes-schema.js';
import {
  composeVariables,
  findPrivileges,
  MANIFEST_FILES,
  manifestsOf,
  podOf,
  readKustomization,
  readManifests,
  selects,
  variablesOf,
  workloadsOf,
} from './support/kubernetes.js';
import { startApp, type TestApp } from './support/start-app.js';

const manifests = readManifests();
const pods = workloadsOf().map(podOf);
const containers = pods.flatMap((pod) => pod.containers.map((container) => ({ pod, container })));
const services = pods.filter(({ containers: [container] }) => container!.ports);

/** A copy with another value at a path; undefined removes it. */
function changed<T extends object>(original: T, path: string, value: unknown): T {
  const copy = structuredClone(original);
  const keys = path.split('.');
  const parent = keys
    .slice(0, -1)
    .reduce((at, key) => at[key] as Record<string, unknown>, copy as Record<string, unknown>);
  if (value === undefined) delete parent[keys.at(-1)!];
  else parent[keys.at(-1)!] = value;
  return copy;
}

let test: TestApp;
beforeAll(async () => {
  test = await startApp({}, { variables: { CONSOLE: 'on', CONSOLE_OPERATOR_SECRET: 'at-least-24-random-characters' } });
});
afterAll(() => test.stop());

describe('the schemas of Kubernetes', () => {
  it('every manifest of deploy/kubernetes is valid by the schemas of Kubernetes, without unknown fields', async () => {
    const problems = await findSchemaProblems(manifests);

    expect(MANIFEST_FILES.length).toBeGreaterThan(5);
    expect(problems.map((found, index) => [manifests[index]!.metadata!.name, found])).toEqual(
      manifests.map(({ metadata }) => [metadata!.name, []]),
    );
  });

  it('a manifest with a mistake, at any depth, is refused by the schemas of Kubernetes', async () => {
    const [deployment] = manifestsOf('Deployment');
    const container = 'spec.template.spec.containers.0';
    const broken = {
      'a misspelt field': changed(deployment!, `${container}.livenesProbe`, {}),
      'a field in the wrong place': changed(deployment!, 'spec.terminationGracePeriodSeconds', 20),
      'a text for a number': changed(deployment!, 'spec.replicas', '2'),
      'a number for a text': changed(deployment!, `${container}.env.1.value`, 3000),
      'no selector': changed(deployment!, 'spec.selector', undefined),
      'no container name': changed(deployment!, `${container}.name`, undefined),
      'a kind that does not exist': changed(deployment!, 'kind', 'Deploiment'),
      'an API version that does not exist': changed(deployment!, 'apiVersion', 'apps/v2'),
    };

    const problems = await findSchemaProblems(Object.values(broken));

    expect(Object.keys(broken).filter((_, index) => problems[index]!.length === 0)).toEqual([]);
    expect(problems[0]!.join()).toMatch(/livenesProbe.* does not exist in type/);
  });
});

describe('the names of the manifests', () => {
  it('kustomization.yaml lists every manifest but the examples, and replaces the image of every container', () => {
    const { resources, images } = readKustomization();

    expect(resources.toSorted()).toEqual(MANIFEST_FILES.filter((name) => !name.endsWith('.example.yaml')));
    expect(new Set(containers.map(({ container }) => container.image))).toEqual(new Set([images[0]!.name]));
    expect(images).toHaveLength(1);
  });

  it('manifests of one kind have different names, and examples are in the namespace of kustomization.yaml', () => {
    const { namespace } = readKustomization();
    const names = manifests.map(({ kind, metadata }) => `${kind} ${metadata!.name}`);

    expect(names).toEqual([...new Set(names)]);
    expect(manifestsOf('Namespace').map(({ metadata }) => metadata!.name)).toEqual([namespace]);
    expect(new Set([...manifestsOf('Secret'), ...manifestsOf('HorizontalPodAutoscaler')].map(inNamespace))).toEqual(
      new Set([namespace]),
    );
  });

  const inNamespace = ({ metadata }: { metadata?: { namespace?: string } }) => metadata?.namespace;

  it('a Deployment selects its own pods and no others', () => {
    for (const { metadata, spec } of manifestsOf('Deployment')) {
      const selected = pods.filter(({ labels }) => selects(spec!.selector, labels));

      expect(selected.map(({ name }) => name)).toEqual([metadata!.name]);
    }
  });

  it.each([
    ['PodDisruptionBudget', () => manifestsOf('PodDisruptionBudget').map(({ spec }) => spec!.selector!)],
    ['NetworkPolicy', () => manifestsOf('NetworkPolicy').map(({ spec }) => spec!.podSelector!)],
    ['Service', () => manifestsOf('Service').map(({ spec }) => ({ matchLabels: spec!.selector! }))],
    ['pod that is spread over nodes', () => spreads().map(({ labelSelector }) => labelSelector!)],
  ])('the selector of every %s of the manifests selects pods', (_, selectors) => {
    const found = selectors();

    expect(found.length).toBeGreaterThan(0);
    expect(found.filter((selector) => !pods.some(({ labels }) => selects(selector, labels)))).toEqual([]);
  });

  const spreads = () => pods.flatMap(({ topologySpreadConstraints = [] }) => topologySpreadConstraints);

  it('the Ingress leads to a port of a Service, and that to a port of its pods', () => {
    const [service] = manifestsOf('Service');
    const backends = manifestsOf('Ingress').flatMap(({ spec }) =>
      spec!.rules!.flatMap(({ http }) => http!.paths.map(({ backend }) => backend.service)),
    );
    const selected = pods.filter(({ labels }) => selects({ matchLabels: service!.spec!.selector! }, labels));
    const ports = selected.flatMap((pod) => pod.containers[0]!.ports!);

    for (const backend of backends) {
      expect(backend).toEqual({ name: service!.metadata!.name, port: { name: service!.spec!.ports![0]!.name } });
    }
    expect(selected.map(({ name }) => name)).toEqual(['nft-refresh-api']);
    expect(ports.map(({ name }) => name)).toEqual(service!.spec!.ports!.map(({ targetPort }) => targetPort));
  });

  it('the autoscaler scales a Deployment that is there', () => {
    const [autoscaler] = manifestsOf('HorizontalPodAutoscaler');
    const { apiVersion, kind, name } = autoscaler!.spec!.scaleTargetRef;

    expect(manifests).toContainEqual(
      expect.objectContaining({ apiVersion, kind, metadata: expect.objectContaining({ name }) }),
    );
  });

  it('a budget for disruptions leaves a pod, and lets one go', () => {
    for (const { spec } of manifestsOf('PodDisruptionBudget')) {
      const of = manifestsOf('Deployment').find(({ spec: { template } = {} as never }) =>
        selects(spec!.selector!, template.metadata!.labels!),
      );
      const replicas = of!.spec!.replicas!;
      const leaving =
        spec!.minAvailable === undefined ? Number(spec!.maxUnavailable) : replicas - Number(spec!.minAvailable);

      expect(leaving).toBeGreaterThanOrEqual(1);
      expect(leaving).toBeLessThan(replicas);
    }
  });
});

describe('the variables of a container', () => {
  it.each(containers.map(({ pod, container }) => [pod.name, container] as const))(
    'the pods of %s have variables of the service only, with values that it accepts without a warning',
    (name, container) => {
      const { NODE_ENV, ...variables } = variablesOf(container, imageVariables());

      const environment = readEnvironment(variables);

      expect(NODE_ENV).toBe('production');
      expect(Object.keys(variables).filter((variable) => !environmentVariables.includes(variable))).toEqual([]);
      expect(environment.warnings).toEqual([]);
      expect(environment.databaseUrl).toContain('target_session_attrs=read-write');
      // The address at which Kubernetes probes a pod is not 127.0.0.1.
      expect(environment.host).toBe('0.0.0.0');
      if (name === 'nft-refresh-api') expect(environment).toMatchObject({ runMode: 'api', hasConsole: true });
      if (name === 'nft-refresh-worker') expect(environment).toMatchObject({ runMode: 'worker', workers: 1 });
    },
  );

  it('operators can sign in to the console with a key of the Secret, and pods start without that key', () => {
    const [api] = containers.filter(({ pod }) => pod.name === 'nft-refresh-api').map(({ container }) => container);
    const { CONSOLE_OPERATOR_SECRET: secret, ...others } = variablesOf(api!, imageVariables());
    const variable = api!.env!.find(({ name }) => name === 'CONSOLE_OPERATOR_SECRET');

    expect(readEnvironment({ ...others, CONSOLE_OPERATOR_SECRET: secret! }).options.console).toEqual({
      operatorSecret: secret,
    });
    expect(variable!.valueFrom!.secretKeyRef!.optional).toBe(true);
    expect(readEnvironment(others)).toMatchObject({ hasConsole: true, warnings: [] });
  });

  it('the service of compose.yaml has variables of the service only, with and without a secret for operators', () => {
    for (const [secret, options] of [
      ['', {}],
      ['at-least-24-random-characters', { operatorSecret: 'at-least-24-random-characters' }],
    ] as const) {
      const variables = composeVariables({ CONSOLE_OPERATOR_SECRET: secret });
      const environment = readEnvironment(variables);

      expect(Object.keys(variables).filter((variable) => !environmentVariables.includes(variable))).toEqual([]);
      expect(environment).toMatchObject({ hasConsole: true, warnings: [] });
      expect(environment.options.console ?? {}).toEqual(options);
    }
  });

  it('a misspelt variable of a pod gives a warning, and a wrong value an error', () => {
    const variables = variablesOf(containers[0]!.container, imageVariables());

    expect(readEnvironment({ ...variables, DATABASE_POOLSIZE: '10' }).warnings).toHaveLength(1);
    expect(() => readEnvironment({ ...variables, RUN_MODE: 'apis' })).toThrow('RUN_MODE');
  });

  it('a pod declares the port on which its service listens', () => {
    for (const {
      containers: [container],
    } of services) {
      const { PORT } = variablesOf(container!, imageVariables());

      expect(container!.ports!.map(({ containerPort }) => String(containerPort))).toEqual([PORT]);
    }
  });
});

describe('the rights of a pod', () => {
  it.each(pods)('the pods of $name have no privileges, and an account that is not root', (pod) => {
    expect(findPrivileges(pod)).toEqual([]);
  });

  it.each([
    ['user 0', 'securityContext.runAsUser', 0],
    ['a container without a security context', 'containers.0.securityContext', undefined],
    ['a writable image', 'containers.0.securityContext.readOnlyRootFilesystem', false],
    ['an added capability', 'containers.0.securityContext.capabilities.add', ['NET_ADMIN']],
    ['a folder of the node', 'volumes.0', { name: 'tmp', hostPath: { path: '/' } }],
    ['the network of the node', 'hostNetwork', true],
  ])('a pod with %s is found by the check of privileges', (_, path, value) => {
    const pod = changed(pods[0]!, path, value);

    expect(findPrivileges(pod)).not.toEqual([]);
  });

  it('every container of the manifests has requests, and a limit for its memory', () => {
    for (const { container } of containers) {
      expect(container.resources).toMatchObject({
        requests: { cpu: expect.any(String), memory: expect.any(String) },
        limits: { memory: expect.any(String) },
      });
    }
  });

  it('a pod can write to the folder for temporary files only, which the service uses for compiled code', () => {
    for (const { pod, container } of containers) {
      expect(container.volumeMounts).toEqual([{ name: 'tmp', mountPath: '/tmp' }]);
      expect(pod.volumes).toEqual([{ name: 'tmp', emptyDir: { sizeLimit: expect.any(String) } }]);
    }
  });
});

describe('the life of a pod', () => {
  it('a pod of every service has probes on the port of the service, at routes that respond', async () => {
    for (const {
      containers: [container],
    } of services) {
      const probes = [container!.startupProbe!, container!.livenessProbe!, container!.readinessProbe!];

      expect(probes.map(({ httpGet }) => httpGet!.path)).toEqual(['/health/live', '/health/live', '/health/ready']);
      for (const { httpGet } of probes) {
        expect(container!.ports!.map(({ name }) => name)).toContain(httpGet!.port);
        await supertest(test.app.getHttpServer()).get(httpGet!.path!).expect(200);
      }
    }
    expect(services).toHaveLength(manifestsOf('Deployment').length);
  });

  it('a pod may take longer to start than it waits for the database', () => {
    for (const {
      containers: [container],
    } of services) {
      const { periodSeconds, failureThreshold } = container!.startupProbe!;

      expect(periodSeconds! * failureThreshold!).toBeGreaterThan(readEnvironment({}).databaseWaitSeconds + 60);
    }
  });

  it('a pod may take as long to end as the service allows it, after the pause before the signal', () => {
    for (const {
      containers: [container],
      terminationGracePeriodSeconds,
    } of services) {
      const pauseSeconds = container!.lifecycle?.preStop?.sleep?.seconds ?? 0;

      expect(terminationGracePeriodSeconds).toBeGreaterThan(pauseSeconds + SHUTDOWN_TIMEOUT_MS / 1000);
    }
    // Requests may still arrive until every proxy knows that the pod ends.
    expect(services.map(({ name, containers: [container] }) => [name, container!.lifecycle !== undefined])).toEqual([
      ['nft-refresh-api', true],
      ['nft-refresh-worker', false],
    ]);
  });

  it('a pod has the user, the port and the command of the image', () => {
    const image = parseStages().at(-1)!;

    expect(lastOf(image, 'USER')).toEqual(['node']);
    for (const { container } of containers.filter(({ container: { ports } }) => ports)) {
      expect(container.command ?? container.args).toBeUndefined();
      expect(container.ports!.map(({ containerPort }) => String(containerPort))).toEqual(lastOf(image, 'EXPOSE'));
    }
  });

  it('the command of the Job for migrations is in the image, migrates an empty database, and does nothing the second time', async () => {
    const [job] = manifestsOf('Job');
    const [node, program, ...args] = podOf(job!).containers[0]!.args!;
    const source = program!.replace('dist/', '').replace(/\.js$/, '.ts');
    const database = await createEmptyDatabase();
    onTestFinished(() => database.drop());
    const cli = commandLine(() => ({ DATABASE_URL: database.url }));

    const first = await cli.json(...args);
    const second = await cli.run(...args);

    expect(node).toBe('node');
    expect(existsSync(fileURLToPath(new URL(`../${source}`, import.meta.url)))).toBe(true);
    expect(first).toEqual({
      applied: (await database.query<{ name: string }>('select name from nft_metadata.migrations order by id')).map(
        ({ name }) => name,
      ),
    });
    expect(second).toEqual({ status: 0, out: 'The database is up to date.\n', err: '' });
  });
});

describe('the network of the pods', () => {
  it('the Ingress forwards every public route, and neither metrics nor probes', () => {
    const paths = manifestsOf('Ingress').flatMap(({ spec }) => spec!.rules!.flatMap(({ http }) => http!.paths));
    const isForwarded = (route: string) =>
      paths.some(({ path, pathType }) => route === path || (pathType === 'Prefix' && route.startsWith(`${path}/`)));
    const routes = Object.keys(createApiDocument(test.app).paths);
    const isForCluster = (route: string) => /^\/(health|metrics)/.test(route);

    expect(routes.length).toBeGreaterThan(40);
    expect(routes.filter((route) => isForwarded(route) === isForCluster(route))).toEqual([]);
    expect(
      ['/docs', '/openapi.json', '/console', '/console/assets/x.js'].filter((route) => !isForwarded(route)),
    ).toEqual([]);
  });

  it('pods of API and workers may connect to the addresses that the SSRF filter accepts, and to no other on the ports of HTTP', () => {
    const policy = manifestsOf('NetworkPolicy').find(({ metadata }) => metadata!.name === 'nft-refresh-internet')!;
    const [rule] = policy.spec!.egress!;
    const blocks = rule!.to!.map(({ ipBlock }) => ipBlock!);
    const [allowed, excepted] = [new BlockList(), new BlockList()];
    for (const { cidr, except } of blocks) {
      addRange(allowed, cidr);
      for (const range of except!) addRange(excepted, range);
    }
    const isAllowed = (address: string) => {
      const family = familyOf(address);
      return allowed.check(address, family) && !excepted.check(address, family);
    };
    const ends = blocks.flatMap(({ except }) => except!.map((range) => range.split('/')[0]!));
    const isIsatap = (address: string) => /:0?200:5efe:|:0:5efe:|::5efe:/.test(address);
    const address = fc.oneof(
      fc.ipV4(),
      fc.ipV6().filter((text) => !text.includes('.') && !isIsatap(text)),
      fc.constantFrom(...ends),
    );

    fc.assert(
      fc.property(address, (text) => isAllowed(text) !== isPrivateHost(text.includes(':') ? `[${text}]` : text)),
      { numRuns: 5000 },
    );
    for (const text of ['10.0.0.1', '169.254.169.254', '127.0.0.1', 'fd00::1', '::1', '64:ff9b::a00:1']) {
      expect(isAllowed(text)).toBe(false);
    }
    expect(['1.1.1.1', '2606:4700::1111'].every(isAllowed)).toBe(true);
    expect(rule!.ports).toEqual([80, 443].map((port) => ({ protocol: 'TCP', port })));
    expect(selectedBy(policy)).toEqual(['nft-refresh-api', 'nft-refresh-worker']);
  });

  it('a policy that denies all requests, to and from it, selects every pod', () => {
    const [deny] = manifestsOf('NetworkPolicy').filter(({ spec }) => !spec!.ingress && !spec!.egress);
    const ingress = manifestsOf('NetworkPolicy').flatMap(({ spec }) => spec!.ingress ?? []);

    expect(deny!.spec!.policyTypes).toEqual(['Ingress', 'Egress']);
    expect(selectedBy(deny!)).toEqual(pods.map(({ name }) => name));
    expect(ingress.every(({ from, ports }) => from!.length > 0 && ports!.every(({ port }) => port === 'http'))).toBe(
      true,
    );
  });

  const selectedBy = ({ spec }: (typeof policies)[number]) =>
    pods.filter(({ labels }) => selects(spec!.podSelector!, labels)).map(({ name }) => name);
  const policies = manifestsOf('NetworkPolicy');
  const familyOf = (address: string) => (address.includes(':') ? 'ipv6' : 'ipv4');
  const addRange = (list: BlockList, range: string) => {
    const [network, prefix] = range.split('/');
    list.addSubnet(network!, Number(prefix), familyOf(network!));
  };
});
