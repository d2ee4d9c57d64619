const UNKNOWN = '–';
const DIGITS = new Intl.NumberFormat('en', { maximumSignificantDigits: 3 });
const WHOLE = new Intl.NumberFormat('en', { maximumFractionDigits: 0 });

type Maybe = number | null | undefined;

function missing(value: Maybe): value is null | undefined {
  return value === null || value === undefined || !Number.isFinite(value);
}

/** Three significant digits, thousands grouped. */
export function number(value: Maybe): string {
  if (missing(value)) return UNKNOWN;
  return Math.abs(value) >= 1000 ? WHOLE.format(value) : DIGITS.format(value);
}

export function milliseconds(value: Maybe): string {
  if (missing(value)) return UNKNOWN;
  if (value === 0) return '0 ms';
  if (value < 1) return `${number(value * 1000)} µs`;
  if (value < 1000) return `${number(value)} ms`;
  if (value < 60_000) return `${number(value / 1000)} s`;
  return `${number(value / 60_000)} min`;
}

export function percent(value: Maybe): string {
  if (missing(value)) return UNKNOWN;
  return `${value >= 99.95 && value < 100 ? '99.9' : number(value)} %`;
}

export function perSecond(value: Maybe): string {
  return missing(value) ? UNKNOWN : `${number(value)} /s`;
}

export function bytes(value: Maybe): string {
  if (missing(value)) return UNKNOWN;
  const units = ['B', 'KB', 'MB', 'GB', 'TB'];
  let amount = value;
  let unit = 0;
  while (Math.abs(amount) >= 1024 && unit < units.length - 1) {
    amount /= 1024;
    unit += 1;
  }
  return `${number(amount)} ${units[unit]}`;
}

/** Minor units as a string, to two decimals; exact at any size. */
export function money(minorUnits: string): string {
  const negative = minorUnits.startsWith('-');
  const digits = minorUnits.replace('-', '').padStart(3, '0');
  const whole = digits.slice(0, -2).replace(/\B(?=(\d{3})+$)/g, ',');
  return `${negative ? '−' : ''}${whole}.${digits.slice(-2)}`;
}

const CLOCK = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit', second: '2-digit' });
const DAY = new Intl.DateTimeFormat('en-GB', { day: 'numeric', month: 'short', hour: '2-digit', minute: '2-digit' });

/** The time of day for today, else with the day. */
export function time(iso: string | number | null | undefined): string {
  if (iso === null || iso === undefined) return UNKNOWN;
  const date = new Date(iso);
  return date.toDateString() === new Date().toDateString() ? CLOCK.format(date) : DAY.format(date);
}

/** How long ago, in words: "3 min ago". */
export function ago(iso: string, now = Date.now()): string {
  return `${span(now - new Date(iso).getTime())} ago`;
}

/** A length of time in words. */
export function span(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000));
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 60) return `${minutes} min`;
  const hours = Math.round(minutes / 60);
  return hours < 48 ? `${hours} h` : `${Math.round(hours / 24)} d`;
}

/** `cache_hit_rate` as "cache hit rate", `rule:checkout` as "checkout". */
export function plain(name: string): string {
  return name
    .replace(/^rule:/, '')
    .replaceAll('_', ' ')
    .replaceAll('-', ' ');
}

/** A change as it is kept: of thresholds that is the patch that was sent, anything else is words already. */
export function changeInWords(detail: string): string {
  if (!detail.startsWith('{')) return detail;
  try {
    return Object.entries(JSON.parse(detail) as Record<string, number | null>)
      .map(([name, value]) => `${fieldName(name)} ${value === null ? 'back to the configured value' : number(value)}`)
      .join(', ');
  } catch {
    return detail;
  }
}

/** `averageWaitMs` as "average wait ms". */
export function fieldName(name: string): string {
  return plain(name.replace(/([A-Z])/g, ' $1').toLowerCase());
}
