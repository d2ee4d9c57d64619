import type { PerformanceReport } from './finding.js';

/** The report to read. Text from outside is kept on its line and its markup is taken away. */
export function reportAsMarkdown(report: PerformanceReport): string {
  const { responseTime, throughput, errorRate } = report.metrics;
  const lines = [
    '# Performance report',
    '',
    plain(report.summary),
    '',
    `Period: ${report.period.from} to ${report.period.to}`,
    '',
    '| requests | per second | average | P50 | P95 | P99 | errors |',
    '|---|---|---|---|---|---|---|',
    `| ${responseTime.count} | ${throughput.requestsPerSecond.toFixed(1)} | ${ms(responseTime.average)} | ${ms(responseTime.p50)} | ${ms(responseTime.p95)} | ${ms(responseTime.p99)} | ${errorRate.rate.toFixed(2)} % |`,
    '',
    '## Findings',
    '',
  ];
  if (report.findings.length === 0) lines.push('None.', '');
  for (const finding of report.findings) {
    lines.push(`### ${plain(finding.title)} (${finding.severity})`, '', `**Do:** ${plain(finding.action)}`, '');
    lines.push('```json', JSON.stringify(finding.evidence, null, 2).replaceAll('```', "'''"), '```', '');
  }
  lines.push('## Open alerts', '');
  if (report.alerts.length === 0) lines.push('None.', '');
  for (const alert of report.alerts)
    lines.push(
      `- ${alert.severity} ${plain(alert.type)} (${alert.state}) since ${alert.startedAt}: ${plain(alert.message)}`,
    );
  return `${lines.join('\n').trimEnd()}\n`;
}

function ms(value: number): string {
  return `${value.toFixed(1)} ms`;
}

function plain(text: string): string {
  return text.replace(/\s+/g, ' ').replace(/[<>|`]/g, ' ');
}
