/** What the server says about itself in the page's meta element; it holds no secret. */
export interface PageSettings {
  title: string;
  /** How an operator signs in: by e-mail and password at these addresses, or with a bearer token that they have. */
  login: { kind: 'password'; login: string; refresh: string; logout: string } | { kind: 'token' };
  /** Addresses of figures that only this service has. */
  ledger?: string;
}

const FALLBACK: PageSettings = { title: 'Dunlin', login: { kind: 'token' } };

/** Reads the settings; what cannot be read falls back to signing in with a token. */
export function readPageSettings(page: Document): PageSettings {
  const content = page.querySelector<HTMLMetaElement>('meta[name="dunlin"]')?.content ?? '{}';
  try {
    return { ...FALLBACK, ...(JSON.parse(content) as Partial<PageSettings>) };
  } catch {
    return FALLBACK;
  }
}
