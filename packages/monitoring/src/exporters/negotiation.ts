const OPEN_METRICS = 'application/openmetrics-text';
/** Of OpenMetrics; Prometheus asks for 1.0.0 first and for 0.0.1, its draft, after that. */
const SPOKEN_VERSIONS = new Set(['1.0.0', '0.0.1']);

/** Does a scraper's `Accept` want OpenMetrics at least as much as Prometheus' own text? Whoever only takes anything gets the text. */
export function prefersOpenMetrics(accept: string | undefined): boolean {
  let openMetrics = 0;
  let text = 0;
  for (const range of (accept ?? '').split(',')) {
    const [type, ...parts] = range.split(';').map((part) => part.trim().toLowerCase());
    const parameters = new Map(parts.map((part) => part.split('=', 2) as [string, string]));
    const quality = qualityOf(parameters.get('q'));
    const version = parameters.get('version')?.replaceAll('"', '');
    if (type === OPEN_METRICS && (version === undefined || SPOKEN_VERSIONS.has(version)))
      openMetrics = Math.max(openMetrics, quality);
    if (type === 'text/plain' || type === 'text/*' || type === '*/*') text = Math.max(text, quality);
  }
  return openMetrics > 0 && openMetrics >= text;
}

function qualityOf(given: string | undefined): number {
  if (given === undefined) return 1;
  const quality = Number(given);
  return quality >= 0 && quality <= 1 ? quality : 0;
}
