import { useState } from 'preact/hooks';
import type { Finding, Report } from '../figures.js';
import { milliseconds, plain, time } from '../format.js';
import { respond } from '../request.js';
import { CopyButton } from '../ui/action.js';
import { SeverityBadge } from '../ui/badges.js';
import { Empty, Loaded, useFetched } from '../ui/loaded.js';
import { EvidenceValue } from './alerts.js';
import { WindowChoice, type WindowSeconds } from './window-choice.js';

/** What is slow, why, and what to do; to read, to print, or to paste into a ticket. */
export function ReportView() {
  const [window, setWindow] = useState<WindowSeconds>(3600);
  const answer = useFetched<Report>(`/performance/report?window=${window}`, 30_000);
  const markdown = async (): Promise<string> =>
    await (await respond(`/performance/report?window=${window}`, { accept: 'text/markdown' })).text();
  return (
    <section class="card report">
      <div class="head">
        <h2>Report</h2>
        <div class="buttons no-print">
          <WindowChoice value={window} onChange={setWindow} />
          <CopyButton text={markdown}>Copy as Markdown</CopyButton>
          <button type="button" onClick={() => print()}>
            Print
          </button>
        </div>
      </div>
      <Loaded from={answer} what="report">
        {(report) => (
          <>
            <p class="lead">{report.summary}</p>
            <p class="quiet">
              {time(report.period.from)} to {time(report.period.to)}
            </p>
            {report.findings.length === 0 ? (
              <Empty title="Nothing to report.">No finding has evidence in this time.</Empty>
            ) : (
              <ol class="findings">
                {report.findings.map((finding) => (
                  <FindingItem key={finding.title} finding={finding} />
                ))}
              </ol>
            )}
          </>
        )}
      </Loaded>
    </section>
  );
}

function FindingItem({ finding }: { finding: Finding }) {
  return (
    <li>
      <h3>
        <SeverityBadge severity={finding.severity} /> {finding.title}
      </h3>
      <p>
        <strong>{finding.action}</strong>
      </p>
      {finding.costMsPerMinute > 0 ? (
        <p class="quiet">Costs users {milliseconds(finding.costMsPerMinute)} of waiting a minute.</p>
      ) : null}
      <details>
        <summary>Evidence ({plain(finding.area)})</summary>
        <EvidenceValue value={finding.evidence} />
      </details>
    </li>
  );
}
