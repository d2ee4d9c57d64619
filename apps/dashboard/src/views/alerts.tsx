import { useState } from 'preact/hooks';
import type { Alert, Mute } from '../figures.js';
import { changeInWords, fieldName, milliseconds, number, plain, time } from '../format.js';
import { openAlerts } from '../live/live.js';
import { hrefOf, place } from '../navigation.js';
import { sendJson } from '../request.js';
import { Action } from '../ui/action.js';
import { Badge, SeverityBadge } from '../ui/badges.js';
import { Empty, Loaded, useFetched } from '../ui/loaded.js';
import { ChannelList } from './channels.js';
import { MuteForm } from './mute-form.js';
import { ThresholdForm } from './thresholds.js';

const STATES = [
  { state: 'firing', title: 'Firing', empty: 'Nothing fires.' },
  { state: 'pending', title: 'Pending', empty: 'Nothing is about to fire.' },
  { state: 'resolved', title: 'Resolved', empty: 'Nothing was resolved in this time.' },
] as const;

/** Alerts by state, with what can be done about them; thresholds and channels below. */
export function Alerts() {
  const resolved = useFetched<{ data: Alert[] }>('/performance/alerts?includeResolved=true', 5_000);
  const mutes = useFetched<{ data: Mute[] }>('/performance/mutes', 10_000);
  return (
    <>
      <Loaded from={resolved} what="alerts">
        {({ data }) => (
          <>
            {STATES.map(({ state, title, empty }) => {
              // Open ones come with the stream, within a second; resolved ones only with the list.
              const shown = (state === 'resolved' ? data : openAlerts.value).filter((alert) => alert.state === state);
              return (
                <section class="card" key={state}>
                  <h2>
                    {title} <small class="quiet">{shown.length}</small>
                  </h2>
                  {shown.length === 0 ? (
                    <Empty title={empty} />
                  ) : (
                    <ul class="alerts">
                      {shown.slice(0, 50).map((alert) => (
                        <AlertCard key={alert.id} alert={alert} />
                      ))}
                    </ul>
                  )}
                </section>
              );
            })}
          </>
        )}
      </Loaded>
      <section class="card">
        <h2>Mutes</h2>
        <Loaded from={mutes} what="mutes">
          {({ data }) => <MuteList mutes={data} again={mutes.again} />}
        </Loaded>
        <MuteForm onDone={mutes.again} />
      </section>
      <ThresholdForm />
      <ChannelList />
    </>
  );
}

function AlertCard({ alert }: { alert: Alert }) {
  const chosen = place.value.item === alert.id;
  const [open, setOpen] = useState(chosen);
  const act = (what: 'resolve' | 'acknowledge', done: string) => async (): Promise<string> => {
    await sendJson('POST', `/performance/alerts/${alert.id}/${what}`);
    return done;
  };
  return (
    <li class={`alert alert-${alert.severity}`}>
      <div class="head">
        <div>
          <SeverityBadge severity={alert.severity} /> <strong>{plain(alert.type)}</strong>{' '}
          {alert.muted === true ? <Badge mood="quiet">muted</Badge> : null}{' '}
          {alert.acknowledgedBy === undefined ? null : <Badge mood="quiet">acknowledged</Badge>}
          <p>{alert.message}</p>
          <p class="quiet">{historyOf(alert)}</p>
        </div>
        {alert.state === 'resolved' ? null : (
          <div class="buttons">
            {alert.acknowledgedBy === undefined ? (
              <Action
                act={act('acknowledge', 'Acknowledged: no reminders until it ends.')}
                label={`Acknowledge ${plain(alert.type)}`}
              >
                Acknowledge
              </Action>
            ) : null}
            <Action
              act={act('resolve', 'Resolved. It comes back if the cause still holds.')}
              label={`Resolve ${plain(alert.type)}`}
            >
              Resolve
            </Action>
          </div>
        )}
      </div>
      <button type="button" class="link" aria-expanded={open} onClick={() => setOpen(!open)}>
        {open ? 'Hide the evidence' : 'Show the evidence'}
      </button>
      {open ? <Evidence alert={alert} /> : null}
    </li>
  );
}

function historyOf(alert: Alert): string {
  const parts = [`began ${time(alert.startedAt)}`];
  if (alert.firedAt !== undefined) parts.push(`fired ${time(alert.firedAt)}`);
  if (alert.acknowledgedAt !== undefined)
    parts.push(`acknowledged ${time(alert.acknowledgedAt)} by ${alert.acknowledgedBy ?? 'somebody'}`);
  if (alert.resolvedAt !== undefined)
    parts.push(
      `resolved ${time(alert.resolvedAt)}${alert.resolvedBy === 'system' ? ' by itself' : ` by ${alert.resolvedBy ?? 'somebody'}`}`,
    );
  parts.push(alert.instances.length === 1 ? 'on one instance' : `on ${alert.instances.length} instances`);
  return parts.join(' · ');
}

function Evidence({ alert }: { alert: Alert }) {
  const exemplars = alert.exemplars ?? [];
  const evidence = Object.entries(alert.evidence ?? {});
  if (exemplars.length === 0 && evidence.length === 0)
    return <p class="quiet">None was kept: it has not fired yet, or no request shows it.</p>;
  return (
    <div class="evidence">
      {exemplars.length === 0 ? null : (
        <>
          <h4>Requests that show it</h4>
          <ul class="plain">
            {exemplars.map((one) => (
              <li key={one.correlationId}>
                <a href={hrefOf({ view: 'trace', item: one.correlationId })}>{one.endpoint}</a> {one.statusCode} in{' '}
                <b>{milliseconds(one.durationMs)}</b> at {time(one.at)}
              </li>
            ))}
          </ul>
        </>
      )}
      {evidence.map(([name, value]) => (
        <div key={name}>
          <h4>{fieldName(name)}</h4>
          <EvidenceValue value={value} />
        </div>
      ))}
    </div>
  );
}

const ISO_TIME = /^\d{4}-\d\d-\d\dT[\d:.]+Z$/;

/** Whatever an alert or a finding carries as evidence, readable without knowing its shape. */
export function EvidenceValue({ value }: { value: unknown }) {
  if (Array.isArray(value))
    return value.length === 0 ? (
      <span class="quiet">none</span>
    ) : (
      <ul class="plain">
        {value.map((one, i) => (
          <li key={i}>
            <EvidenceValue value={one} />
          </li>
        ))}
      </ul>
    );
  if (value !== null && typeof value === 'object')
    return (
      <dl class="pairs">
        {Object.entries(value).map(([name, part]) => (
          <div key={name}>
            <dt>{fieldName(name)}</dt>
            <dd>
              {name === 'fingerprint' && typeof part === 'string' ? (
                <a href={hrefOf({ view: 'queries', item: part })}>{part}</a>
              ) : (
                <EvidenceValue value={part} />
              )}
            </dd>
          </div>
        ))}
      </dl>
    );
  if (typeof value === 'number') return <>{number(value)}</>;
  const text = String(value);
  return <span class="words">{ISO_TIME.test(text) ? time(text) : changeInWords(text)}</span>;
}

function MuteList({ mutes, again }: { mutes: Mute[]; again: () => void }) {
  if (mutes.length === 0) return <Empty title="Nothing is muted." />;
  return (
    <ul class="plain">
      {mutes.map((mute) => (
        <li key={mute.id}>
          <strong>{mute.type === undefined ? 'everything' : plain(mute.type)}</strong> until {time(mute.until)}:{' '}
          {mute.reason}{' '}
          <Action
            class="link"
            act={async () => {
              await sendJson('DELETE', `/performance/mutes/${mute.id}`);
              again();
              return 'The mute is ended.';
            }}
          >
            End it
          </Action>
        </li>
      ))}
    </ul>
  );
}
