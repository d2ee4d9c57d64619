import { useEffect, useState } from 'preact/hooks';
import type { FunctionComponent } from 'preact';
import { span } from './format.js';
import { connection, openAlerts, startLive } from './live/live.js';
import { startSeries } from './live/series.js';
import { go, hrefOf, minutes, place, RANGES, scope, VIEWS, type ViewName } from './navigation.js';
import { session, settings, signOut } from './session.js';
import { SignIn } from './sign-in.js';
import { nextTheme, theme, THEME_TITLES } from './theme.js';
import { Announcer } from './ui/announcer.js';
import { Alerts } from './views/alerts.js';
import { Cache } from './views/cache.js';
import { Endpoints } from './views/endpoints.js';
import { Ledger } from './views/ledger.js';
import { Maintenance } from './views/maintenance.js';
import { Overview } from './views/overview.js';
import { Queries } from './views/queries.js';
import { ReportView } from './views/report.js';
import { TraceView } from './views/trace.js';

const COMPONENTS: Record<ViewName, FunctionComponent> = {
  overview: Overview,
  endpoints: Endpoints,
  queries: Queries,
  cache: Cache,
  alerts: Alerts,
  report: ReportView,
  maintenance: Maintenance,
  ledger: Ledger,
  trace: TraceView,
};

export function App() {
  return session.value === undefined ? (
    <>
      <SignIn />
      <Announcer />
    </>
  ) : (
    <SignedIn />
  );
}

function SignedIn() {
  useEffect(() => {
    const ends = [startLive(), startSeries()];
    return () => ends.forEach((end) => end());
  }, []);
  const { view, item } = place.value;
  useEffect(() => {
    document.title = `${VIEWS.find((one) => one.name === view)?.title ?? 'Request'} · ${settings.title}`;
    scrollTo(0, 0);
  }, [view, item]);
  const View = COMPONENTS[view];
  return (
    <>
      <a class="skip" href="#main" onClick={skip}>
        Skip to the figures
      </a>
      <header class="top no-print">
        <h1>{settings.title}</h1>
        <ConnectionState />
        <Controls />
      </header>
      <Navigation />
      <main id="main" tabIndex={-1}>
        <View />
      </main>
      <Announcer />
    </>
  );
}

/** The address holds the place, so the link must not change it. */
function skip(event: Event): void {
  event.preventDefault();
  document.getElementById('main')?.focus();
}

function Navigation() {
  const { view } = place.value;
  const firing = openAlerts.value.filter((alert) => alert.state === 'firing').length;
  const here = view === 'trace' ? 'endpoints' : view;
  return (
    <nav class="views no-print" aria-label="Views">
      {VIEWS.filter(({ name }) => name !== 'ledger' || settings.ledger !== undefined).map(({ name, title }) => (
        <a key={name} href={hrefOf({ view: name })} aria-current={name === here ? 'page' : undefined}>
          {title}
          {name === 'alerts' && firing > 0 ? (
            <span class="count">
              {firing}
              <span class="sr-only"> firing</span>
            </span>
          ) : null}
        </a>
      ))}
    </nav>
  );
}

function Controls() {
  return (
    <div class="controls">
      <label>
        <span class="sr-only">Whose figures</span>
        <select
          value={scope.value}
          onChange={(event) => go({ scope: event.currentTarget.value as 'instance' | 'fleet' })}
        >
          <option value="instance">This instance</option>
          <option value="fleet">All instances</option>
        </select>
      </label>
      <label>
        <span class="sr-only">How far back the charts reach</span>
        <select value={String(minutes.value)} onChange={(event) => go({ minutes: Number(event.currentTarget.value) })}>
          {RANGES.map((range) => (
            <option key={range.minutes} value={String(range.minutes)}>
              {range.title}
            </option>
          ))}
        </select>
      </label>
      <button type="button" onClick={nextTheme} aria-label={`Colours: ${THEME_TITLES[theme.value]}. Change.`}>
        {THEME_TITLES[theme.value]}
      </button>
      <button type="button" onClick={() => void signOut()} title={session.value?.name}>
        Sign out
      </button>
    </div>
  );
}

/** Whether the figures are of now, in words that change. */
function ConnectionState() {
  const state = connection.value;
  const [now, setNow] = useState(Date.now());
  useEffect(() => {
    if (state.state !== 'lost') return undefined;
    const timer = setInterval(() => setNow(Date.now()), 1000);
    return () => clearInterval(timer);
  }, [state.state]);
  if (state.state === 'live')
    return (
      <p class="connection connection-live" role="status">
        <span aria-hidden="true">●</span> live
      </p>
    );
  if (state.state === 'connecting')
    return (
      <p class="connection" role="status">
        <span aria-hidden="true">○</span> connecting
      </p>
    );
  return (
    <p class="connection connection-lost" role="status">
      <span aria-hidden="true">▲</span> no connection for {span(Math.max(now, Date.now()) - state.since)}; trying again
    </p>
  );
}
