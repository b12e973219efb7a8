/** The keys, the namespaces, the usage and the audit log of one project. Needs a key with the scope `admin`. */
import type { ApiKey as SentKey, ErasureCount, Namespace as SentNamespace, Usage as SentUsage } from "./gen/eunoe/v1/admin_pb.js";
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
  /** Calls it may make in a calendar month (UTC); 0: any number. Undefined: the server's default. */
  monthlyCalls: number | undefined;
}

export interface NewApiKey {
  name: string;
  scopes: readonly Scope[];
  /** The only namespace it may use; or the next; or neither: all of the project. */
  namespace?: string;
  namespacePrefix?: string;
  expires?: Moment;
  monthlyCalls?: number;
}

export interface Namespace {
  name: string;
  memoryCount: number;
  dialogueCount: number;
  messageCount: number;
  created: string | undefined;
  /** Days after which what nobody uses is erased; 0: never. Undefined: as the server is set. */
  retentionDays: number | undefined;
}

/** Something that was done and matters afterwards. */
export interface AuditEvent {
  id: string;
  /** Such as `key_created` or `namespace_erased`; there may be more some day. */
  kind: string;
  created: string | undefined;
  /** With which key. Undefined: by the server itself or at its command line. */
  apiKeyId: string | undefined;
  requestId: string;
  /** Undefined: in no namespace, or in one that was erased since. */
  namespace: string | undefined;
  /** Stands for that namespace, also once it is erased. */
  namespaceKey: string | undefined;
  /** To what: a key's id, or a digest of the id of what was deleted. */
  subject: string | undefined;
  counts: Record<string, number>;
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
  /** Calls of any kind but administration. */
  callCount: bigint;
}

export class Admin {
  readonly #wire: Wire;

  /** @internal */
  constructor(wire: Wire) {
    this.#wire = wire;
  }

  /** Makes an API key. `key` is shown this once; so it is never repeated. */
  async createKey(given: NewApiKey): Promise<{ apiKey: ApiKey; key: string }> {
    const { name, scopes, namespace, namespacePrefix, expires, monthlyCalls } = given;
    const binding =
      namespace !== undefined
        ? { case: "namespace" as const, value: namespace }
        : namespacePrefix !== undefined
          ? { case: "namespacePrefix" as const, value: namespacePrefix }
          : undefined;
    const expireTime = fromMoment(expires, "expires");
    const request = { name, scopes: [...scopes], binding, expireTime, monthlyCalls };
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

  /** Makes a key like that one, which works for the grace (a day) yet. Never repeated. Throws NotFound. */
  async rotateKey(id: string, given: { graceSeconds?: number } = {}): Promise<{ apiKey: ApiKey; key: string }> {
    const made = await this.#wire.once((options, requestId) =>
      this.#wire.admin.rotateApiKey({ id, graceSeconds: given.graceSeconds, requestId }, options),
    );
    return { apiKey: readKey(made.apiKey!), key: made.key };
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
      return { items: page.namespaces.map(readNamespace), next: page.nextPageToken };
    }, given.next);
  }

  /** Says how many days a namespace keeps what nobody uses; 0: for ever; left out: as the server is set. */
  async updateNamespace(namespace: string, given: { retentionDays?: number }): Promise<Namespace> {
    const { retentionDays } = given;
    const answer = await this.#wire.write((options, requestId) =>
      this.#wire.admin.updateNamespace({ namespace, retentionDays, requestId }, options),
    );
    return readNamespace(answer.namespace!);
  }

  /** Erases a namespace for good; the empty name is the global one's. */
  async deleteNamespace(namespace: string, given: { dryRun?: boolean } = {}): Promise<ErasureReceipt> {
    const { receipt } = await this.#wire.write((options, requestId) =>
      this.#wire.admin.deleteNamespace({ namespace, dryRun: given.dryRun, requestId }, options),
    );
    return {
      namespace: receipt!.namespace,
      isDryRun: receipt!.isDryRun,
      counts: readCounts(receipt!.counts),
      erased: toIso(receipt!.eraseTime),
    };
  }

  /** Who did what to keys, namespaces and what was deleted, the newest first. */
  listAuditEvents(given: { subjectId?: string; limit?: number; next?: string } = {}): Paged<AuditEvent> {
    const { subjectId, limit } = given;
    return new Paged(async (pageToken) => {
      const page = await this.#wire.read((options) =>
        this.#wire.admin.listAuditEvents({ subjectId, pageSize: limit, pageToken }, options),
      );
      const items = page.auditEvents.map(({ id, kind, createTime, counts, ...event }) => ({
        id,
        kind,
        created: toIso(createTime),
        apiKeyId: event.apiKeyId,
        requestId: event.requestId,
        namespace: event.namespace,
        namespaceKey: event.namespaceKey,
        subject: event.subject,
        counts: readCounts(counts),
      }));
      return { items, next: page.nextPageToken };
    }, given.next);
  }

  /** What was used, day by day; the last 30 days if not said otherwise. */
  async usage(
    given: { namespace?: string; apiKeyId?: string; startDate?: Moment; endDate?: Moment } = {},
  ): Promise<{ days: Record<string, Usage>; total: Usage }> {
    const request = {
      namespace: given.namespace,
      apiKeyId: given.apiKeyId,
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
    monthlyCalls: sent.monthlyCalls,
  };
}

function readNamespace(sent: SentNamespace): Namespace {
  return {
    name: sent.name,
    memoryCount: sent.memoryCount,
    dialogueCount: sent.dialogueCount,
    messageCount: sent.messageCount,
    created: toIso(sent.createTime),
    retentionDays: sent.retentionDays,
  };
}

function readCounts(sent: ErasureCount[]): Record<string, number> {
  return Object.fromEntries(sent.map(({ kind, count }) => [kind, count]));
}

function readUsage({ $typeName: _, $unknown: __, ...sent }: SentUsage): Usage {
  return sent;
}
