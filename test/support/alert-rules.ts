import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parse } from 'yaml';

export const ALERT_RULES = fileURLToPath(new URL('../../deploy/alerts/nft-refresh.yml', import.meta.url));

interface AlertRule {
  alert: string;
  expr: string;
  labels: Record<string, string>;
  annotations: Record<string, string>;
}

/** The alert rules of deploy/alerts. */
export function readAlertRules(): AlertRule[] {
  const { groups } = parse(readFileSync(ALERT_RULES, 'utf8')) as { groups: { rules: AlertRule[] }[] };
  return groups.flatMap(({ rules }) => rules);
}
