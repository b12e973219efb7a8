/**
 * Client for Eunoe, the memory server for applications built on language models.
 *
 *     const db = new Eunoe({ apiKey });
 *     await db.createMemory({ value: "User is allergic to peanuts", namespace: "alice" });
 *     const [best] = await db.searchMemories("What must Alice not eat?", { namespace: "alice" });
 */
export {
  Admin,
  type ApiKey,
  type AuditEvent,
  type ErasureReceipt,
  type Namespace,
  type NewApiKey,
  type Scope,
  type Usage,
} from "./admin.js";
export {
  Chat,
  ChatStream,
  type ChatAnswer,
  type ChatChunk,
  type ChatMessage,
  type ChatOptions,
  type ChatUsage,
  type MemoryReport,
  type ToolCall,
} from "./chat.js";
export { Eunoe } from "./client.js";
export {
  Dialogue,
  Message,
  type ListDialoguesOptions,
  type LoadMessagesOptions,
  type NewDialogue,
  type NewMessage,
  type Role,
} from "./dialogue.js";
export {
  ClientClosed,
  DeadlineExceeded,
  DialogueEnded,
  DuplicateId,
  EunoeError,
  InternalError,
  InvalidRequest,
  LimitReached,
  NotAuthenticated,
  NotFound,
  NotJson,
  NotPermitted,
  NotSupported,
  PreconditionFailed,
  RequestTooLarge,
  ServerNotReached,
  StateVersionMismatch,
  Unavailable,
  UpstreamFailed,
  type FieldViolation,
} from "./errors.js";
export type { JsonValue } from "./json.js";
export { Memory, type ExtractionMessage, type Extraction, type Fact, type FactType, type ListMemoriesOptions, type NewMemory } from "./memory.js";
export type { Moment } from "./moment.js";
export { Paged, type Page } from "./paging.js";
export type { Found, SearchOptions, Signal } from "./search.js";
export type { ClientOptions } from "./wire.js";
