import { globSync, readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseEnv } from 'node:util';
import type { IDeployment } from 'kubernetes-models/apps/v1/Deployment';
import type { IHorizontalPodAutoscaler } from 'kubernetes-models/autoscaling/v2/HorizontalPodAutoscaler';
import type { IJob } from 'kubernetes-models/batch/v1/Job';
import type { IIngress } from 'kubernetes-models/networking.k8s.io/v1/Ingress';
import type { INetworkPolicy } from 'kubernetes-models/networking.k8s.io/v1/NetworkPolicy';
import type { IPodDisruptionBudget } from 'kubernetes-models/policy/v1/PodDisruptionBudget';
import type { INamespace } from 'kubernetes-models/v1/Namespace';
import type { ISecret } from 'kubernetes-models/v1/Secret';
import type { IService } from 'kubernetes-models/v1/Service';
import { parse, parseAllDocuments } from 'yaml';

const COMPOSE = fileURLToPath(new URL('../../compose.yaml', import.meta.url));
const FOLDER = fileURLToPath(new URL('../../deploy/kubernetes/', import.meta.url));

/** A document of deploy/kubernetes. */
export type Manifest =
  | IDeployment
  | IHorizontalPodAutoscaler
  | IIngress
  | IJob
  | INamespace
  | INetworkPolicy
  | IPodDisruptionBudget
  | ISecret
  | IService;

interface Kustomization {
  namespace: string;
  resources: string[];
  configMapGenerator: { name: string; envs: string[] }[];
  images: { name: string; newName: string; newTag: string }[];
}

/** The names of the files with manifests, examples included. */
export const MANIFEST_FILES: readonly string[] = globSync(`${FOLDER}*.yaml`)
  .map((path) => basename(path))
  .filter((name) => name !== 'kustomization.yaml')
  .toSorted();

/** The documents of one file, or of all files. */
export function readManifests(file?: string): Manifest[] {
  const files = file === undefined ? MANIFEST_FILES : [file];
  return files.flatMap((name) =>
    parseAllDocuments(readFileSync(FOLDER + name, 'utf8')).map((document) => document.toJS() as Manifest),
  );
}

export function readKustomization(): Kustomization {
  return parse(readFileSync(`${FOLDER}kustomization.yaml`, 'utf8')) as Kustomization;
}

/** The variables of a file that a ConfigMap is generated from. */
function readSettings(file: string): Record<string, string> {
  return parseEnv(readFileSync(FOLDER + file, 'utf8')) as Record<string, string>;
}

/** The manifests of one kind. */
export function manifestsOf<Kind extends Manifest['kind']>(
  kind: Kind,
  manifests = readManifests(),
): Extract<Manifest, { kind: Kind }>[] {
  return manifests.filter((manifest): manifest is Extract<Manifest, { kind: Kind }> => manifest.kind === kind);
}

/** The manifests that start pods. */
export function workloadsOf(manifests = readManifests()): (IDeployment | IJob)[] {
  return [...manifestsOf('Deployment', manifests), ...manifestsOf('Job', manifests)];
}

export function podOf(workload: IDeployment | IJob) {
  const { metadata, spec } = workload.spec!.template;
  return { name: workload.metadata!.name!, labels: metadata?.labels ?? {}, ...spec! };
}

interface Selector {
  matchLabels?: Record<string, string> | undefined;
  matchExpressions?: { key: string; operator: string; values?: string[] | undefined }[] | undefined;
}

/** Whether a selector selects pods with these labels. */
export function selects(
  { matchLabels = {}, matchExpressions = [] }: Selector,
  labels: Readonly<Record<string, string>>,
): boolean {
  return (
    Object.entries(matchLabels).every(([key, value]) => labels[key] === value) &&
    matchExpressions.every(({ key, operator, values = [] }) => {
      if (operator !== 'In') throw new Error(`This check knows no operator ${operator} of a selector, only In`);
      return values.includes(labels[key] ?? '');
    })
  );
}

/** The variables of the service of compose.yaml, as Docker sets them with these variables of its own environment. */
export function composeVariables(environment: Readonly<Record<string, string>>): Record<string, string> {
  const { services } = parse(readFileSync(COMPOSE, 'utf8')) as {
    services: { service: { environment: Record<string, string> } };
  };
  return Object.fromEntries(
    Object.entries(services.service.environment).map(([name, value]) => [
      name,
      value.replaceAll(/\$\{(\w+):-([^}]*)\}/g, (_, variable: string, otherwise: string) => {
        return environment[variable] || otherwise;
      }),
    ]),
  );
}

/** The variables of a container, with those of the image, as Kubernetes sets them. */
export function variablesOf(
  { envFrom = [], env = [] }: ReturnType<typeof podOf>['containers'][number],
  image: Readonly<Record<string, string>>,
): Record<string, string> {
  const { configMapGenerator } = readKustomization();
  const secrets = manifestsOf('Secret');
  const settings = envFrom.flatMap(({ configMapRef }) => {
    const generated = configMapGenerator.find(({ name }) => name === configMapRef?.name);
    if (!generated) throw new Error(`No ConfigMap ${configMapRef?.name} is generated by kustomization.yaml`);
    return generated.envs.flatMap((file) => Object.entries(readSettings(file)));
  });
  const variables = env.map(({ name, value, valueFrom }): [string, string] => {
    if (value !== undefined) return [name, value];
    const { name: of, key } = valueFrom!.secretKeyRef!;
    const secret = secrets.find(({ metadata }) => metadata?.name === of)?.stringData?.[key];
    if (secret === undefined) throw new Error(`No Secret ${of} with the key ${key} is in secrets.example.yaml`);
    return [name, secret];
  });
  return Object.fromEntries([...Object.entries(image), ...settings, ...variables]);
}

/** What a pod may do that none of ours needs. */
export function findPrivileges(pod: ReturnType<typeof podOf>): string[] {
  const { securityContext, containers, automountServiceAccountToken, volumes = [] } = pod;
  const found = [
    securityContext?.runAsNonRoot !== true && 'runs as root',
    !((securityContext?.runAsUser ?? 0) > 0) && 'has no numeric user: Kubernetes cannot tell that it is not root',
    securityContext?.seccompProfile?.type !== 'RuntimeDefault' && 'may use every system call',
    automountServiceAccountToken !== false && 'gets a token for the API of Kubernetes',
    (pod.hostNetwork || pod.hostPID || pod.hostIPC) && 'shares a namespace with its node',
    ...volumes.map(({ emptyDir, name }) => !emptyDir && `mounts ${name}`),
    ...containers.flatMap(({ securityContext: own }) => [
      own?.allowPrivilegeEscalation !== false && 'may gain privileges',
      own?.readOnlyRootFilesystem !== true && 'may write to its image',
      own?.privileged === true && 'is privileged',
      !(own?.capabilities?.drop?.includes('ALL') && !own.capabilities.add) && 'has capabilities',
    ]),
  ];
  return found.filter((problem) => typeof problem === 'string');
}
