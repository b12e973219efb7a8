/** The keys, the namespaces and the usage of one project. Needs a key with the scope `admin`. */
import type { ApiKey as SentKey, Usage as SentUsage } from "./gen/eunoe/v1/admin_pb.js";
import { fromMoment, toIso, type Moment } from "./moment.js";
import { Paged } from "./paging.js";
import type { Wire } from "./wire.js";

export type Scope = "read" | "write" | "admin";

/** An API key as the server keeps it: without its secret. */
export interface ApiKey {
  id: string;
  name: string;
  scopes: string[];
  namespace: string | undefined;
  namespacePrefix: string | undefined;
  created: string | undefined;
  expires: string | undefined;
  revoked: string | undefined;
}

export interface NewApiKey {
  name: string;
  scopes: readonly Scope[];
  /** The only namespace it may use; or the next; or neither: all of the project. */
  namespace?: string;
  namespacePrefix?: string;
  expires?: Moment;
}

export interface Namespace {
  name: string;
  memoryCount: number;
  dialogueCount: number;
  messageCount: number;
  created: string | undefined;
}

/** What an erasure took away: how many rows of each kind. */
export interface ErasureReceipt {
  namespace: string;
  isDryRun: boolean;
  counts: Record<string, number>;
  erased: string | undefined;
}

export interface Usage {
  chatCount: number;
  searchCount: number;
  writeCount: number;
  promptTokens: bigint;
  completionTokens: bigint;
  injectedTokens: bigint;
  extractionPromptTokens: bigint;
  extractionCompletionTokens: bigint;
}

export class Admin {
  readonly #wire: Wire;

  /** @internal */
  constructor(wire: Wire) {
    this.#wire = wire;
  }

  /** Makes an API key. `key` is shown this once; so it is never repeated. */
  async createKey(given: NewApiKey): Promise<{ apiKey: ApiKey; key: string }> {
    const { name, scopes, namespace, namespacePrefix, expires } = given;
    const binding =
      namespace !== undefined
        ? { case: "namespace" as const, value: namespace }
        : namespacePrefix !== undefined
          ? { case: "namespacePrefix" as const, value: namespacePrefix }
          : undefined;
    const request = { name, scopes: [...scopes], binding, expireTime: fromMoment(expires, "expires") };
    const made = await this.#wire.once((options, requestId) =>
      this.#wire.admin.createApiKey({ ...request, requestId }, options),
    );
    return { apiKey: readKey(made.apiKey!), key: made.key };
  }

  /** Every key, the newest first, revoked and expired ones included. */
  listKeys(given: { limit?: number; next?: string } = {}): Paged<ApiKey> {
    return new Paged(async (pageToken) => {
      const page = await this.#wire.read((options) =>
        this.#wire.admin.listApiKeys({ pageSize: given.limit, pageToken }, options),
      );
      return { items: page.apiKeys.map(readKey), next: page.nextPageToken };
    }, given.next);
  }

  /** Revokes a key for good. Throws NotFound. */
  async revokeKey(id: string): Promise<ApiKey> {
    const { apiKey } = await this.#wire.write((options, requestId) =>
      this.#wire.admin.revokeApiKey({ id, requestId }, options),
    );
    return readKey(apiKey!);
  }

  /** Namespaces by name, with what they hold. */
  listNamespaces(given: { prefix?: string; limit?: number; next?: string } = {}): Paged<Namespace> {
    return new Paged(async (pageToken) => {
      const page = await this.#wire.read((options) =>
        this.#wire.admin.listNamespaces({ prefix: given.prefix, pageSize: given.limit, pageToken }, options),
      );
      const items = page.namespaces.map((each) => ({
        name: each.name,
        memoryCount: each.memoryCount,
        dialogueCount: each.dialogueCount,
        messageCount: each.messageCount,
        created: toIso(each.createTime),
      }));
      return { items, next: page.nextPageToken };
    }, given.next);
  }

  /** Erases a namespace for good; the empty name is the global one's. Never repeated. */
  async deleteNamespace(namespace: string, given: { dryRun?: boolean } = {}): Promise<ErasureReceipt> {
    const { receipt } = await this.#wire.once((options, requestId) =>
      this.#wire.admin.deleteNamespace({ namespace, dryRun: given.dryRun, requestId }, options),
    );
    return {
      namespace: receipt!.namespace,
      isDryRun: receipt!.isDryRun,
      counts: Object.fromEntries(receipt!.counts.map(({ kind, count }) => [kind, count])),
      erased: toIso(receipt!.eraseTime),
    };
  }

  /** What was used, day by day; the last 30 days if not said otherwise. */
  async usage(
    given: { namespace?: string; startDate?: Moment; endDate?: Moment } = {},
  ): Promise<{ days: Record<string, Usage>; total: Usage }> {
    const request = {
      namespace: given.namespace,
      startTime: fromMoment(given.startDate, "startDate"),
      endTime: fromMoment(given.endDate, "endDate"),
    };
    const used = await this.#wire.read((options) => this.#wire.admin.getUsage(request, options));
    return {
      days: Object.fromEntries(used.days.map((day) => [day.date, readUsage(day.usage!)])),
      total: readUsage(used.total!),
    };
  }
}

function readKey(sent: SentKey): ApiKey {
  const { binding } = sent;
  return {
    id: sent.id,
    name: sent.name,
    scopes: sent.scopes,
    namespace: binding.case === "namespace" ? binding.value : undefined,
    namespacePrefix: binding.case === "namespacePrefix" ? binding.value : undefined,
    created: toIso(sent.createTime),
    expires: toIso(sent.expireTime),
    revoked: toIso(sent.revokeTime),
  };
}

function readUsage({ $typeName: _, $unknown: __, ...sent }: SentUsage): Usage {
  return sent;
}
