import type { Channel } from '../figures.js';
import { number } from '../format.js';
import { sendJson } from '../request.js';
import { Action } from '../ui/action.js';
import { Badge } from '../ui/badges.js';
import { DataTable } from '../ui/data-table.js';
import { Loaded, useFetched } from '../ui/loaded.js';

/** Who is told, how that goes, and a test. */
export function ChannelList() {
  const channels = useFetched<{ data: Channel[] }>('/performance/channels', 10_000);
  const test = (name: string) => async (): Promise<string> => {
    const answer = await sendJson<{ outcome: string; reason?: string }>(
      'POST',
      `/performance/channels/${encodeURIComponent(name)}/test`,
    );
    channels.again();
    if (answer!.outcome !== 'delivered')
      throw new Error(`${name} did not take the test: ${answer!.reason ?? 'no reason given'}`);
    return `${name} took the test notification.`;
  };
  return (
    <section class="card">
      <h2>Channels</h2>
      <Loaded from={channels} what="channels">
        {({ data }) => (
          <DataTable
            caption="Alert channels"
            rows={data}
            keyOf={(row) => row.name}
            sortedBy="Channel"
            ascending
            empty="No channel is configured: nobody is told of alerts."
            columns={[
              { title: 'Channel', by: (row) => row.name, cell: (row) => `${row.name} (${row.kind})` },
              {
                title: 'State',
                by: (row) => Number(row.dead),
                cell: (row) => <Badge mood={row.dead ? 'bad' : 'good'}>{row.dead ? 'dead' : 'works'}</Badge>,
              },
              { title: 'Delivered', figure: true, by: (row) => row.delivered, cell: (row) => number(row.delivered) },
              { title: 'Waiting', figure: true, by: (row) => row.queued, cell: (row) => number(row.queued) },
              {
                title: 'Failed attempts',
                figure: true,
                by: (row) => row.failedAttempts,
                cell: (row) => number(row.failedAttempts),
              },
              { title: 'Given up', figure: true, by: (row) => row.givenUp, cell: (row) => number(row.givenUp) },
              { title: 'Last error', cell: (row) => row.lastError ?? '' },
              {
                title: 'Test',
                cell: (row) => (
                  <Action act={test(row.name)} label={`Test ${row.name}`}>
                    Test
                  </Action>
                ),
              },
            ]}
          />
        )}
      </Loaded>
    </section>
  );
}
