/** Which methods are answered at a path, for those who come with another. Asked only when no route was found, so a search will do. */
export class AllowedMethods {
  private readonly routes: { readonly form: RegExp; readonly methods: readonly string[] }[] = [];

  /** To be told of every route; `url` is its template. */
  add({ method, url }: { method: string | string[]; url: string }): void {
    const parts = url
      .split('/')
      .map((part) => (part.startsWith(':') ? '[^/]+' : part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')));
    this.routes.push({ form: new RegExp(`^${parts.join('/')}$`), methods: [method].flat() });
  }

  /** The methods at `path`, which has no query, in the order of the alphabet; none when there is nothing. */
  at(path: string): string[] {
    const found = this.routes.filter(({ form }) => form.test(path)).flatMap(({ methods }) => methods);
    return [...new Set(found)].sort();
  }
}
