import { fileURLToPath } from 'node:url';
import ts from 'typescript';

/** A document of Kubernetes, of any kind. */
export interface KubernetesDocument {
  apiVersion: string;
  kind: string;
}

/** Beside node_modules, where the compiler finds the types. Never written. */
const PROGRAM = fileURLToPath(new URL('../../documents-of-kubernetes.ts', import.meta.url));
const OPTIONS: ts.CompilerOptions = {
  strict: true,
  noEmit: true,
  skipLibCheck: true,
  types: [],
  target: ts.ScriptTarget.ES2024,
  module: ts.ModuleKind.NodeNext,
  moduleResolution: ts.ModuleResolutionKind.NodeNext,
};

/**
 * What Kubernetes would refuse, for each document: wrong and missing fields by the schemas of `kubernetes-models`, and unknown fields by
 * its types, because the schemas ignore them.
 */
export async function findSchemaProblems(documents: readonly KubernetesDocument[]): Promise<string[][]> {
  const typeProblems = findTypeProblems(documents);
  return Promise.all(
    documents.map(async (document, index) => [...(await validate(document)), ...(typeProblems.get(index) ?? [])]),
  );
}

async function validate(document: KubernetesDocument): Promise<string[]> {
  type Model = new (document: KubernetesDocument) => { validate(): void };
  const module = (await import(moduleOf(document)).catch(() => ({}))) as Record<string, Model>;
  const Kind = module[document.kind];
  if (!Kind) return [`${document.apiVersion} has no kind ${document.kind}`];
  try {
    new Kind(document).validate();
    return [];
  } catch (error) {
    return [(error as Error).message];
  }
}

/** Compiles a program in which each document is a literal of its type. */
function findTypeProblems(documents: readonly KubernetesDocument[]): Map<number, string[]> {
  const lines = documents.map(
    (document, index) =>
      `export const document${index}: import('${moduleOf(document)}').I${document.kind} = ${JSON.stringify(document)};`,
  );
  const host = ts.createCompilerHost(OPTIONS);
  const program = ts.createProgram([PROGRAM], OPTIONS, {
    ...host,
    fileExists: (path) => path === PROGRAM || host.fileExists(path),
    getSourceFile: (path, ...rest) =>
      path === PROGRAM
        ? ts.createSourceFile(path, lines.join('\n'), ts.ScriptTarget.ES2024)
        : host.getSourceFile(path, ...rest),
  });
  const problems = new Map<number, string[]>();
  for (const { file, start, messageText } of ts.getPreEmitDiagnostics(program)) {
    const line = file?.fileName === PROGRAM ? file.getLineAndCharacterOfPosition(start!).line : 0;
    problems.set(line, [...(problems.get(line) ?? []), ts.flattenDiagnosticMessageText(messageText, ' ')]);
  }
  return problems;
}

function moduleOf({ apiVersion, kind }: KubernetesDocument): string {
  return `kubernetes-models/${apiVersion}/${kind}`;
}
