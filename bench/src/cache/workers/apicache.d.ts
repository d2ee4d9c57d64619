/** The one function of apicache that is used; the package has no types of its own. */
declare module 'apicache' {
  import type { RequestHandler } from 'express';
  const apicache: { middleware(duration: string): RequestHandler };
  export default apicache;
}
