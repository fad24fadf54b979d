import { readFileSync } from 'node:fs';
import { DockerfileParser, type Instruction, type ModifiableInstruction } from 'dockerfile-ast';

const DOCKERFILE = new URL('../../Dockerfile', import.meta.url);

/** An instruction, with its arguments as the builder gets them. */
export interface DockerInstruction {
  keyword: string;
  /** Without flags. */
  args: string[];
  /** The arguments as they are written: the command of RUN, without flags. */
  text: string;
  /** By name, such as "from" of `--from=build`. */
  flags: Record<string, string>;
}

export interface BuildStage {
  image: string;
  name: string | undefined;
  instructions: DockerInstruction[];
}

export function readDockerfile(): string {
  return readFileSync(DOCKERFILE, 'utf8');
}

/** The stages, in order. The last one is the image. */
export function parseStages(dockerfile = readDockerfile()): BuildStage[] {
  const stages: BuildStage[] = [];
  for (const parsed of DockerfileParser.parse(dockerfile).getInstructions()) {
    const instruction = readInstruction(parsed);
    if (instruction.keyword === 'FROM') {
      const [image = '', , name] = instruction.args;
      stages.push({ image, name, instructions: [] });
    } else {
      stages.at(-1)!.instructions.push(instruction);
    }
  }
  return stages;
}

/** The arguments of the last instruction with this keyword. */
export function lastOf({ instructions }: BuildStage, keyword: string): string[] | undefined {
  return instructions.findLast((instruction) => instruction.keyword === keyword)?.args;
}

/** The variables that the image sets. */
export function imageVariables(stage = parseStages().at(-1)!): Record<string, string> {
  const pairs = stage.instructions.filter(({ keyword }) => keyword === 'ENV').flatMap(({ args }) => args);
  return Object.fromEntries(pairs.map((pair) => pair.split(/=(.*)/s, 2) as [string, string]));
}

function readInstruction(instruction: Instruction): DockerInstruction {
  const flags = 'getFlags' in instruction ? (instruction as ModifiableInstruction).getFlags() : [];
  const text = instruction.getArgumentsContent() ?? '';
  return {
    keyword: instruction.getKeyword(),
    // CMD has a JSON form.
    args: text.startsWith('[')
      ? (JSON.parse(text) as string[])
      : instruction.getExpandedArguments().map((argument) => argument.getValue()),
    text,
    flags: Object.fromEntries(flags.map((flag) => [flag.getName(), flag.getValue() ?? ''])),
  };
}

/** The patterns of .dockerignore. */
export function readIgnored(): string[] {
  const lines = readFileSync(new URL('.dockerignore', DOCKERFILE), 'utf8').split('\n');
  return lines.filter((line) => line !== '' && !line.startsWith('#'));
}
