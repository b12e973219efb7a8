/**
 * The narrow seam to gRPC: one connection, three ways to call, no error of the transport's beyond it.
 *
 * A client that has reached the server once keeps trying, within its timeout, when it goes away: a
 * restart is a pause and no error. One that never has fails soon: the address is probably wrong.
 */
import { createClient, type Client } from "@connectrpc/connect";
import { createGrpcTransport, Http2SessionManager } from "@connectrpc/connect-node";
import type { SecureContextOptions } from "node:tls";
import { setTimeout as sleep } from "node:timers/promises";
import { ClientClosed, EunoeError, failure, InvalidRequest, Unavailable } from "./errors.js";
import { AdminService } from "./gen/eunoe/v1/admin_pb.js";
import { ChatService } from "./gen/eunoe/v1/chat_pb.js";
import { DialogueService } from "./gen/eunoe/v1/dialogue_pb.js";
import { MemoryService } from "./gen/eunoe/v1/memory_pb.js";
import { SearchService } from "./gen/eunoe/v1/search_pb.js";
import { uuid7 } from "./uuid7.js";

/** Where the server is, who calls, and how long a call may take. */
export interface ClientOptions {
  /** Made by `eunoe keys create` on the server. */
  apiKey: string;
  /** Where the server's gRPC is, as host:port. Left out: 127.0.0.1:50051. */
  address?: string;
  /** `true` checks the server's certificate against those of the system. Left out: no TLS. */
  tls?: boolean | SecureContextOptions;
  /** Of one call with its repeats. Left out: 30,000. */
  timeoutMs?: number;
  /** Of one chat. Left out: 600,000. */
  chatTimeoutMs?: number;
}

/** What goes with each call. */
export interface CallOptions {
  timeoutMs: number;
  headers: Record<string, string>;
  signal: AbortSignal;
}

const FIRST_PAUSE_MS = 100;
const LONGEST_PAUSE_MS = 1_000;
const ATTEMPTS_BEFORE_REACHED = 5;
const REPEATED_REASONS = new Set(["", "STORAGE_UNAVAILABLE", "IDEMPOTENCY_IN_PROGRESS"]);

export class Wire {
  readonly memory: Client<typeof MemoryService>;
  readonly dialogue: Client<typeof DialogueService>;
  readonly search: Client<typeof SearchService>;
  readonly chat: Client<typeof ChatService>;
  readonly admin: Client<typeof AdminService>;
  readonly timeoutMs: number;
  readonly chatTimeoutMs: number;
  readonly #address: string;
  readonly #headers: Record<string, string>;
  readonly #session: Http2SessionManager;
  readonly #closed = new AbortController();
  #wasReached = false;

  constructor(options: ClientOptions) {
    this.#address = options.address ?? "127.0.0.1:50051";
    if (/^[a-z]+:\/\//i.test(this.#address)) {
      throw new InvalidRequest(`The address is ${this.#address}, a URL. Say host:port, and \`tls: true\` for TLS.`);
    }
    if (!/^[\x20-\x7e]+$/.test(options.apiKey ?? "")) {
      throw new InvalidRequest("`apiKey` is empty or no key. `eunoe keys create` makes one on the server.");
    }
    this.#headers = { authorization: `Bearer ${options.apiKey}` };
    this.timeoutMs = options.timeoutMs ?? 30_000;
    this.chatTimeoutMs = options.chatTimeoutMs ?? 600_000;
    const tls = typeof options.tls === "object" ? options.tls : {};
    const baseUrl = `${options.tls ? "https" : "http"}://${this.#address}`;
    this.#session = new Http2SessionManager(baseUrl, { pingIntervalMs: 40_000, pingTimeoutMs: 10_000 }, tls);
    const transport = createGrpcTransport({ baseUrl, sessionManager: this.#session });
    this.memory = createClient(MemoryService, transport);
    this.dialogue = createClient(DialogueService, transport);
    this.search = createClient(SearchService, transport);
    this.chat = createClient(ChatService, transport);
    this.admin = createClient(AdminService, transport);
  }

  /** Calls, and repeats as long as nothing came back: reading changes nothing. */
  async read<A>(call: (options: CallOptions) => Promise<A>): Promise<A> {
    return this.#repeat(call);
  }

  /**
   * Calls, and repeats what may never have arrived. Each attempt has the same idempotency key: what
   * an attempt has done whose answer was lost, the next one is told and does not do again.
   */
  async write<A>(call: (options: CallOptions, requestId: string) => Promise<A>, timeoutMs = this.timeoutMs): Promise<A> {
    const requestId = uuid7();
    return this.#repeat((options) => call(options, requestId), timeoutMs);
  }

  /** Calls and never again, for an answer that only the first attempt gets. */
  async once<A>(call: (options: CallOptions, requestId: string) => Promise<A>): Promise<A> {
    const requestId = uuid7();
    return this.#attempt((options) => call(options, requestId), this.timeoutMs);
  }

  /** Yields what arrives; leaving it early cancels the call. */
  async *stream<A>(
    call: (options: CallOptions, requestId: string) => AsyncIterable<A>,
    timeoutMs = this.chatTimeoutMs,
  ): AsyncGenerator<A, void, undefined> {
    this.#raiseIfClosed();
    const left = new AbortController();
    const signal = AbortSignal.any([this.#closed.signal, left.signal]);
    const events = call({ timeoutMs, headers: this.#headers, signal }, uuid7())[Symbol.asyncIterator]();
    try {
      for (;;) {
        const { done, value } = await events.next();
        if (done) return;
        this.#wasReached = true;
        yield value;
      }
    } catch (error) {
      throw this.#failure(error, timeoutMs);
    } finally {
      left.abort();
      // connect lets go of its deadline's timer only when it is asked for what comes after the abort;
      // until then the timer keeps the process alive.
      await events.next().catch(() => undefined);
    }
  }

  /** Ends calls that are under way; later ones throw ClientClosed. */
  close(): void {
    this.#closed.abort();
    this.#session.abort();
  }

  async #repeat<A>(call: (options: CallOptions) => Promise<A>, timeoutMs = this.timeoutMs): Promise<A> {
    const endsAt = performance.now() + timeoutMs;
    for (let attempt = 1; ; attempt++) {
      let failed: EunoeError;
      try {
        return await this.#attempt(call, Math.max(Math.ceil(endsAt - performance.now()), 1));
      } catch (error) {
        failed = error as EunoeError;
      }
      const isRepeated = failed instanceof Unavailable && REPEATED_REASONS.has(failed.reason);
      const longest = Math.min(FIRST_PAUSE_MS * 2 ** (attempt - 1), LONGEST_PAUSE_MS);
      // Many clients must not come back in step.
      const pause = Math.max(longest * (0.5 + Math.random() / 2), (failed.retryAfterSeconds ?? 0) * 1000);
      const isHopeless = attempt >= ATTEMPTS_BEFORE_REACHED && !this.#wasReached;
      if (!isRepeated || isHopeless || performance.now() + pause >= endsAt) throw failed;
      await sleep(pause);
    }
  }

  async #attempt<A>(call: (options: CallOptions) => Promise<A>, timeoutMs: number): Promise<A> {
    this.#raiseIfClosed();
    try {
      const answer = await call({ timeoutMs, headers: this.#headers, signal: this.#closed.signal });
      this.#wasReached = true;
      return answer;
    } catch (error) {
      throw this.#failure(error, timeoutMs);
    }
  }

  #failure(error: unknown, timeoutMs: number): EunoeError {
    if (this.#closed.signal.aborted) return new ClientClosed("This client was closed during the call.");
    const failed = failure(error, this.#address, timeoutMs);
    this.#wasReached ||= failed.reason !== "";
    return failed;
  }

  #raiseIfClosed(): void {
    if (this.#closed.signal.aborted) throw new ClientClosed("This client was closed. Make a new one.");
  }
}
