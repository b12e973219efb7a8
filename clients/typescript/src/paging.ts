/** Lists that page by themselves, or give one page, as seed 002 shows. */

/** Some items of a list, and where it goes on. */
export interface Page<T> {
  items: T[];
  /** To be given as `next` to the same call; undefined on the last page. */
  next?: string | undefined;
}

/** A list on the server. `await` gives its first page; `for await` reads all of it, page by page. */
export class Paged<T> implements PromiseLike<Page<T>>, AsyncIterable<T> {
  constructor(
    private readonly fetch: (token: string) => Promise<Page<T>>,
    private readonly start = "",
  ) {}

  then<R = Page<T>, E = never>(
    onFulfilled?: ((page: Page<T>) => R | PromiseLike<R>) | null,
    onRejected?: ((reason: unknown) => E | PromiseLike<E>) | null,
  ): Promise<R | E> {
    return this.fetch(this.start).then(onFulfilled, onRejected);
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<T, void, undefined> {
    for await (const page of this.pages()) yield* page.items;
  }

  /** Every page. */
  async *pages(): AsyncGenerator<Page<T>, void, undefined> {
    for (let token: string | undefined = this.start; token !== undefined; ) {
      const page: Page<T> = await this.fetch(token);
      yield page;
      token = page.next || undefined;
    }
  }
}
