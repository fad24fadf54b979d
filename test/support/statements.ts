import { Client } from 'pg';
import type { MockInstance } from 'vitest';

interface Statement {
  text: string;
  values: unknown[];
}

interface PlanNode {
  'Node Type': string;
  'Relation Name'?: string;
  'Index Name'?: string;
  'Actual Rows': number;
  'Actual Loops': number;
  'Rows Removed by Filter'?: number;
  'Rows Removed by Join Filter'?: number;
  'Rows Removed by Index Recheck'?: number;
  Plans?: PlanNode[];
}

/** How a statement read a table. `rows` includes the rows that a filter removed. */
export interface TableRead {
  table: string;
  node: string;
  index: string | undefined;
  rows: number;
}

/** Runs `work` and returns the SQL statements that the application executed meanwhile. */
export async function captureStatements(work: () => Promise<unknown>): Promise<Statement[]> {
  const statements: Statement[] = [];
  const { query: real } = Client.prototype as unknown as { query: (...given: unknown[]) => unknown };
  const spy: MockInstance = vi.spyOn(Client.prototype, 'query').mockImplementation(function query(
    this: Client,
    ...given: unknown[]
  ) {
    const [first, second] = given;
    const { text, values } = (typeof first === 'string' ? { text: first, values: second } : first) as Statement;
    statements.push({ text, values: Array.isArray(values) ? values : [] });
    return real.apply(this, given) as never;
  });
  try {
    await work();
  } finally {
    spy.mockRestore();
  }
  return statements;
}

/** Executes the statements again with EXPLAIN ANALYZE, in one transaction, and returns their reads of tables. */
export async function explainReads(databaseUrl: string, statements: readonly Statement[]): Promise<TableRead[]> {
  return (await explain(databaseUrl, statements)).flatMap(tableReads);
}

/** As `explainReads`, but returns the largest number of rows that one step of a plan went through. */
export async function explainLargestStep(databaseUrl: string, statements: readonly Statement[]): Promise<number> {
  return Math.max(...(await explain(databaseUrl, statements)).flatMap(allNodes).map(rowsOf));
}

async function explain(databaseUrl: string, statements: readonly Statement[]): Promise<PlanNode[]> {
  const client = new Client({ connectionString: databaseUrl });
  await client.connect();
  try {
    await client.query('begin');
    const plans: PlanNode[] = [];
    for (const { text, values } of statements) {
      if (/set_config/.test(text)) await client.query(text, values);
      if (!/\b(nft_metadata|marketplace)\b/.test(text)) continue;
      const { rows } = await client.query<{ 'QUERY PLAN': { Plan: PlanNode }[] }>(
        `explain (analyze, format json) ${text}`,
        values,
      );
      plans.push(rows[0]!['QUERY PLAN'][0]!.Plan);
    }
    return plans;
  } finally {
    await client.end();
  }
}

/** Rows that a statement finds in a table through indexes. Also those that its triggers find, which no plan shows. It is rolled back. */
export async function countFoundRows(databaseUrl: string, { text, values }: Statement, table: string): Promise<number> {
  const client = new Client({ connectionString: databaseUrl });
  await client.connect();
  try {
    await client.query('begin');
    await client.query(text, values);
    const { rows } = await client.query<{ found: number }>(
      'select coalesce(sum(idx_tup_fetch), 0)::int as found from pg_stat_xact_user_tables where relid = $1::regclass',
      [table],
    );
    return rows[0]!.found;
  } finally {
    await client.end();
  }
}

function allNodes(node: PlanNode): PlanNode[] {
  return [node, ...(node.Plans ?? []).flatMap(allNodes)];
}

/** Including those that a filter removed. */
function rowsOf(node: PlanNode): number {
  const removed =
    (node['Rows Removed by Filter'] ?? 0) +
    (node['Rows Removed by Join Filter'] ?? 0) +
    (node['Rows Removed by Index Recheck'] ?? 0);
  return (node['Actual Rows'] + removed) * node['Actual Loops'];
}

function tableReads(node: PlanNode): TableRead[] {
  const below = (node.Plans ?? []).flatMap(tableReads);
  const table = node['Relation Name'];
  if (table === undefined) return below;
  const index = node['Index Name'] ?? node.Plans?.find((plan) => plan['Index Name'])?.['Index Name'];
  return [{ table, node: node['Node Type'], index, rows: rowsOf(node) }, ...below];
}
