import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ALERT_RULES, readAlertRules } from './alert-rules.js';
import type { Scrape } from './metrics.js';

/**
 * Evaluates the alert rules over responses of `/metrics`, one a minute, as Prometheus would have scraped them; null: there was no
 * response. Returns the alerts that fire at the last one or, with `ever`, at any of them. Needs promtool, of Debian's `prometheus`.
 */
export function firingAlerts(scrapes: readonly (Scrape | null)[], { ever = false } = {}): string[] {
  const minutes = scrapes.length - 1;
  const test = {
    rule_files: [ALERT_RULES],
    evaluation_interval: '1m',
    tests: [
      {
        interval: '1m',
        input_series: toSeries(scrapes),
        // Each expects that its alert does not fire.
        promql_expr_test: readAlertRules().map(({ alert }) => ({
          expr: `count(count_over_time(ALERTS{alertname="${alert}", alertstate="firing"}[${ever ? minutes + 1 : 1}m]))`,
          eval_time: `${minutes}m`,
          exp_samples: [],
        })),
      },
    ],
  };
  const { status, output } = promtool(['test', 'rules'], JSON.stringify(test));
  const firing = [...output.matchAll(/expr: "count\(count_over_time\(ALERTS\{alertname=\\"(\w+)\\"/g)];
  if ((status === 0) !== (firing.length === 0)) throw new Error(`promtool ended with status ${status}:\n${output}`);
  return firing.map(([, alert]) => alert!);
}

/** What promtool says about the rules as such; empty: nothing. */
export function checkAlertRules(): string {
  const { status, output } = promtool(['check', 'rules'], readFileSync(ALERT_RULES, 'utf8'));
  return status === 0 ? '' : output;
}

function promtool(command: readonly string[], file: string): { status: number | null; output: string } {
  const folder = mkdtempSync(join(tmpdir(), 'nft-refresh-promtool-'));
  try {
    const path = join(folder, 'file.yml');
    writeFileSync(path, file);
    const { status, stdout, stderr, error } = spawnSync('promtool', [...command, path], { encoding: 'utf8' });
    if (error) throw new Error(`promtool does not run, install Debian's prometheus: ${error.message}`);
    return { status, output: stdout + stderr };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** In the notation of promtool: `_` is no value, and `stale` ends a series. */
function toSeries(scrapes: readonly (Scrape | null)[]): { series: string; values: string }[] {
  const values = new Map<string, string[]>();
  for (const [minute, scrape] of scrapes.entries()) {
    const present = new Map(
      (scrape?.samples ?? [])
        .filter(({ name }) => name.startsWith('nft_refresh_'))
        .map(({ name, labels, value }) => {
          const pairs = Object.entries({ ...labels, instance: 'one' }).map(([label, text]) => `${label}="${text}"`);
          return [`${name}{${pairs.join(',')}}`, String(value)];
        }),
    );
    for (const series of present.keys()) {
      if (!values.has(series))
        values.set(
          series,
          Array.from({ length: minute }, () => '_'),
        );
    }
    for (const [series, list] of values) {
      list.push(present.get(series) ?? (list.length > 0 && !/^(_|stale)$/.test(list.at(-1)!) ? 'stale' : '_'));
    }
  }
  return [...values].map(([series, list]) => ({ series, values: list.join(' ') }));
}
