import {
  toLintObject,
  toRevealObject,
  toRevealTokenObject,
  type Reveal,
  type RevealToken,
  type RevealTraits,
} from '@app/metadata-refresh';
import { toTraitsObject, type TokenRecord } from '@app/token-store';
import type { Command } from 'commander';
import { exactJson } from './exact-json.js';
import { parseAddress, parseRows, withJson } from './option-values.js';
import type { Session } from './session.js';
import { oneTokenId } from './token-ids.js';

interface OneReveal {
  reveal: string;
}

/** Reveals, and the collection as it would be after the publication of one. */
export function addRevealPreviewCommands(reveal: Command, session: Session): void {
  withJson(reveal.command('list').description('list reveals, newest first'))
    .option('--project <id>')
    .option('--collection <0xADDRESS>', 'of all chains', parseAddress)
    .option('--limit <n>', '1 to 1000', parseRows, 100)
    .action(async ({ limit, project, collection }: { limit: number; project?: string; collection?: string }) => {
      const reveals = await session.get('reveals');
      const { rows } = await reveals.list({ limit, projectId: project, collectionAddress: collection });
      session.printList('reveals', rows.map(toListedObject), rows.map(toListLine));
    });

  withOneReveal(reveal.command('traits'))
    .description('show the traits of the collection as they would be after the publication')
    .option('--values-per-type <n>', '1 to 1000', parseRows, 100)
    .action(async ({ reveal: revealId, valuesPerType }: OneReveal & { valuesPerType: number }) => {
      const found = await (await session.get('reveals')).listTraits({ revealId }, { valuesPerType });
      session.print(toTraitsObject(found.collection, found.traits), toTraitLines(found));
    });

  withOneReveal(reveal.command('lint'))
    .description('show what may be wrong with the collection as it would be: placeholders, duplicates, gaps')
    .action(async ({ reveal: revealId }: OneReveal) => {
      const lint = toLintObject(revealId, await (await session.get('reveals')).lint({ revealId }));
      session.print(lint, toFindingLines(lint));
    });

  withOneReveal(reveal.command('token'))
    .description('show a token of the reveal as it would be, or why it has no document')
    .requiredOption('--token <id>')
    .action(async ({ reveal: revealId, token: tokenId }: OneReveal & { token: string }) => {
      printToken(session, await (await session.get('reveals')).getToken({ revealId }, oneTokenId(tokenId)));
    });
}

function withOneReveal(command: Command): Command {
  return withJson(command).requiredOption('--reveal <id>');
}

function toListedObject(reveal: Reveal) {
  return { project_id: reveal.projectId, ...toRevealObject(reveal) };
}

function toListLine(reveal: Reveal) {
  const { reveal_id, project_id, collection_address, state, summary, is_ready, created_at } = toListedObject(reveal);
  return { reveal_id, project_id, collection_address, state, ...summary, is_ready, created_at };
}

function toTraitLines({ traits }: RevealTraits): string[] {
  if (traits.length === 0) return ['No token would have traits.'];
  return traits.map(({ traitType, valueCount, values }) => {
    const listed = values.map(({ value, tokenCount }) => `${value} ${tokenCount}`).join(', ');
    const more = valueCount > values.length ? ` and ${valueCount - values.length} more values` : '';
    return `${traitType}: ${listed}${more}`;
  });
}

function toFindingLines({ findings }: ReturnType<typeof toLintObject>): string[] {
  if (findings.length === 0) return ['Nothing was found.'];
  return findings.flatMap(({ code, count, message, examples }) => [
    `${code} (${count}): ${message}`,
    ...examples.map(({ tokens, token_ids, trait_types, values }) => {
      const about = [...trait_types, ...values].map((text) => JSON.stringify(text)).join(', ');
      const ids = `${token_ids.join(', ')}${tokens > token_ids.length ? ' …' : ''}`;
      return `  ${about ? `${about}: ` : ''}${tokens === 1 ? 'token' : `${tokens} tokens`} ${ids}`;
    }),
  ]);
}

function printToken(session: Session, token: RevealToken): void {
  const { record, document } = token;
  const { warnings, traits_added, traits_removed, changed_fields, ...fields } = toRevealTokenObject(token);
  const known = Object.entries(fields).filter(([, value]) => value !== null);
  session.print(
    {
      ...toRevealTokenObject(token),
      record: record && toRecord(record),
      document: document === null ? null : exactJson(document),
    },
    [
      ...known.map(([name, value]) => `${name}: ${String(value)}`),
      `changed_fields: ${changed_fields.join(',')}`,
      `traits_added: ${toTraitsText(traits_added)}`,
      `traits_removed: ${toTraitsText(traits_removed)}`,
      ...warnings.map(({ code, message }) => `warning ${code}: ${message}`),
      ...(record ? toRecordLines(record) : []),
    ],
  );
}

function toRecord({ name, description, imageUrl, animationUrl, externalUrl, attributes }: TokenRecord) {
  return {
    name,
    description,
    image_url: imageUrl,
    animation_url: animationUrl,
    external_url: externalUrl,
    attributes: attributes.map(({ traitType, value }) => ({ trait_type: traitType, value })),
  };
}

function toRecordLines(record: TokenRecord): string[] {
  const { attributes, ...fields } = toRecord(record);
  return [
    ...Object.entries(fields).map(([name, value]) => `${name}: ${value ?? 'none'}`),
    `attributes: ${attributes.map(({ trait_type, value }) => `${trait_type ?? ''}=${value}`).join(',')}`,
  ];
}

function toTraitsText(traits: readonly { trait_type: string; value: string }[]): string {
  return traits.map(({ trait_type, value }) => `${trait_type}=${value}`).join(',');
}
