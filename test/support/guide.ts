import { readFile } from 'node:fs/promises';

/** A fenced block of a page: a file when it has a name, else a snippet. */
export interface Block {
  language: string;
  file: string | null;
  text: string;
}

/** The blocks of a Markdown page in order; in front of a file's content stands ```` ```ts src/file.ts ````. */
export async function blocksOf(path: string): Promise<Block[]> {
  const page = await readFile(path, 'utf8');
  return [...page.matchAll(/^```(\w+)(?: (\S+))?\n(.*?)^```$/gms)].map(([, language, file, text]) => ({
    language: language!,
    file: file ?? null,
    text: text!,
  }));
}

/** The words of a line of a shell, with variables filled in where the shell would. */
export function wordsOf(line: string, variables: Readonly<Record<string, string>>): string[] {
  const fill = (text: string) => text.replaceAll(/\$(\w+)/g, (_, name: string) => variables[name] ?? '');
  return [...line.matchAll(/'([^']*)'|"([^"]*)"|(\S+)/g)].map(
    ([, asIs, quoted, bare]) => asIs ?? fill(quoted ?? bare!),
  );
}
