import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { CSV_HEADER, toCsv, type RefreshToken } from '@app/metadata-refresh';

const run = promisify(execFile);

/** What a stranger may write into a document or a URL: at the beginning of a cell, and behind what ends one. */
const BEGINNINGS = ['', ' ', '\t', '\r', '\n', 'a;', 'a; ', 'a\t', 'a\n', 'a\r\n', 'a,', 'a";', '"', "a',", '\u00a0'];
const FORMULAS = ['=1+1', '+1+1', '-1+1', '@SUM(1)', '=HYPERLINK("http://evil.example";"x")', `=cmd|' /C calc'!A0`];
const TEXTS = BEGINNINGS.flatMap((beginning) => FORMULAS.map((formula) => beginning + formula));

/** A token whose URL and traits have this text. */
function tokenWith(text: string): RefreshToken {
  const trait = { traitType: text, value: text };
  return {
    tokenId: '1',
    verdict: 'updated',
    attempts: 1,
    finishedAt: null,
    metadataVersion: 2,
    change: { changedFields: [], traitsAdded: [trait, trait], traitsRemoved: [trait], hasAllTraits: true },
    errorCode: null,
    reason: text,
    statusCode: null,
    metadataUrl: text,
    nextAttemptAt: null,
  };
}

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'nft-refresh-spreadsheet-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** The formulas that LibreOffice finds in a CSV file, with each character that spreadsheets take for a separator. */
async function formulasIn(name: string, csv: string): Promise<number[]> {
  await writeFile(join(folder, `${name}.csv`), `\uFEFF${csv}`);
  const counts: number[] = [];
  for (const separator of [',', ';', '\t']) {
    const filter = `CSV:${separator.charCodeAt(0)},34,76,1,,0,false,true,false,false,false,-1`;
    const profile = `-env:UserInstallation=file://${join(folder, 'profile')}`;
    const format = 'fods:OpenDocument Spreadsheet Flat XML';
    const to = ['--convert-to', format, '--outdir', folder, join(folder, `${name}.csv`)];
    await run('soffice', [profile, '--headless', `--infilter=${filter}`, ...to], {
      env: { ...process.env, HOME: folder },
    });
    const sheet = await readFile(join(folder, `${name}.fods`), 'utf8');
    counts.push(sheet.match(/table:formula=/g)?.length ?? 0);
  }
  return counts;
}

it('a spreadsheet that opens our CSV runs no formula, whatever separates its cells [K35]', async () => {
  const unsafe = TEXTS.map((text) => `1,"${text.replaceAll('"', '""')}",end\r\n`).join('');
  const ours = CSV_HEADER.slice(1) + toCsv(TEXTS.map(tokenWith));

  // It would run them, so that this test can fail.
  expect((await formulasIn('unsafe', unsafe)).every((count) => count > 1)).toBe(true);
  expect(await formulasIn('ours', ours)).toEqual([0, 0, 0]);
}, 240_000);
