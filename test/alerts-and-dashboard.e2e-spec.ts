import { readFileSync } from 'node:fs';
import { parser } from '@prometheus-io/lezer-promql';
import { readAlertRules } from './support/alert-rules.js';
import { scrape } from './support/metrics.js';
import { startApp } from './support/start-app.js';

interface Panel {
  id: number;
  type: string;
  title: string;
  gridPos: { x: number; y: number; w: number; h: number };
  targets?: { expr: string }[];
}

const dashboard = JSON.parse(readFileSync(new URL('../deploy/grafana/nft-refresh.json', import.meta.url), 'utf8')) as {
  panels: Panel[];
};
/** With values in place of the variables of Grafana. */
const panels = dashboard.panels.flatMap(({ title, targets = [] }) =>
  targets.map(({ expr }) => ({ title, expr: expr.replaceAll('$__rate_interval', '5m') })),
);

/** The metrics that an expression names. Throws for one that is no PromQL. */
function metricsOf(expr: string): string[] {
  const names: string[] = [];
  parser.parse(expr).iterate({
    enter({ type, node, from, to }) {
      if (type.isError) throw new Error(`Not PromQL at character ${from}: ${expr}`);
      const name = type.name === 'VectorSelector' ? node.getChild('Identifier') : null;
      if (name) names.push(expr.slice(name.from, name.to));
      else if (type.name === 'VectorSelector') throw new Error(`Without a metric, ${expr.slice(from, to)}: ${expr}`);
    },
  });
  return names;
}

/** As Prometheus names them: a histogram is three of them. */
let served: Set<string>;
beforeAll(async () => {
  const test = await startApp();
  const { types } = await scrape(test.app);
  await test.stop();
  served = new Set(
    [...types].flatMap(([name, type]) =>
      type === 'histogram' ? ['bucket', 'sum', 'count'].map((part) => `${name}_${part}`) : [name],
    ),
  );
});

it.each(readAlertRules())(
  '$alert uses metrics that are served, and says what is wrong',
  ({ expr, labels, annotations }) => {
    expect(metricsOf(expr).filter((name) => !served.has(name))).toEqual([]);
    expect(metricsOf(expr)).not.toEqual([]);
    expect(labels['severity']).toMatch(/^(page|ticket)$/);
    expect(annotations).toEqual({ summary: expect.any(String) as string, description: expect.any(String) as string });
  },
);

it.each(panels)('the panel "$title" of the dashboard uses metrics that are served: $expr', ({ expr }) => {
  expect(metricsOf(expr).filter((name) => !served.has(name))).toEqual([]);
  expect(metricsOf(expr)).not.toEqual([]);
});

it('every metric of the service is on the dashboard', () => {
  const shown = new Set(panels.flatMap(({ expr }) => metricsOf(expr)));
  const isShown = (name: string) =>
    ['', '_bucket', '_sum', '_count'].some((part) => shown.has(name.replace(/_(bucket|sum|count)$/, '') + part));

  expect([...served].filter((name) => name.startsWith('nft_refresh_') && !isShown(name))).toEqual([]);
});

it('the panels of the dashboard have ids of their own, and do not overlap', () => {
  const cells = dashboard.panels.flatMap(({ gridPos: { x, y, w, h } }) =>
    Array.from({ length: w * h }, (_, cell) => `${x + (cell % w)}/${y + Math.floor(cell / w)}`),
  );

  expect(new Set(dashboard.panels.map(({ id }) => id)).size).toBe(dashboard.panels.length);
  expect(new Set(cells).size).toBe(cells.length);
});
