/**
 * What a call can fail with. No error of the transport's ever leaves the client.
 *
 *     EunoeError
 *     ├── InvalidRequest          what was sent cannot be accepted; `fields` names what and why
 *     │   ├── NotJson             a value that JSON cannot hold; noticed before anything is sent
 *     │   └── RequestTooLarge
 *     ├── NotAuthenticated        the API key is missing, wrong, expired or revoked
 *     ├── NotPermitted            the API key may not do that, or not there
 *     ├── NotFound                a memory, dialogue, message, namespace, key or model
 *     ├── DuplicateId             something with this id exists
 *     ├── PreconditionFailed      the thing is not in the state that the call needs
 *     │   ├── DialogueEnded
 *     │   └── StateVersionMismatch
 *     ├── LimitReached            rate, quota or overload; `retryAfterSeconds` says when
 *     ├── Unavailable             a part of the server is; try again
 *     │   └── ServerNotReached    no server answers at the address
 *     ├── DeadlineExceeded        no answer within the client's timeout
 *     ├── UpstreamFailed          the model behind the server: its error, refusal or silence
 *     ├── NotSupported            this server does not have that call (yet)
 *     ├── InternalError           a fault of the server's; quote `requestId`
 *     └── ClientClosed            the client was closed before, or during, the call
 */
import { Code, ConnectError } from "@connectrpc/connect";
import { UpstreamErrorSchema } from "./gen/eunoe/v1/chat_pb.js";
import { BadRequestSchema, ErrorInfoSchema, RetryInfoSchema } from "./gen/google/rpc/error_details_pb.js";

/** One field that was refused: its path in the request and why. */
export interface FieldViolation {
  field: string;
  description: string;
}

/** What an error knows beside its message. */
export interface ErrorFacts {
  reason?: string;
  fields?: FieldViolation[];
  retryAfterSeconds?: number;
  requestId?: string;
  httpStatus?: number;
  body?: Uint8Array;
  cause?: unknown;
}

/** Something went wrong. */
export class EunoeError extends Error {
  /** What happened, for programs; empty when the server was not reached. */
  readonly reason: string;
  readonly fields: FieldViolation[];
  /** When to come back; undefined when the server does not say. */
  readonly retryAfterSeconds: number | undefined;
  /** Leads to the call in the server's log. */
  readonly requestId: string;

  constructor(message: string, facts: ErrorFacts = {}) {
    super(facts.requestId ? `${message} (request ${facts.requestId})` : message, { cause: facts.cause });
    this.name = new.target.name;
    this.reason = facts.reason ?? "";
    this.fields = facts.fields ?? [];
    this.retryAfterSeconds = facts.retryAfterSeconds;
    this.requestId = facts.requestId ?? "";
  }
}

export class InvalidRequest extends EunoeError {}
export class NotJson extends InvalidRequest {}
export class RequestTooLarge extends InvalidRequest {}
export class NotAuthenticated extends EunoeError {}
export class NotPermitted extends EunoeError {}
export class NotFound extends EunoeError {}
export class DuplicateId extends EunoeError {}
export class PreconditionFailed extends EunoeError {}
export class DialogueEnded extends PreconditionFailed {}
export class StateVersionMismatch extends PreconditionFailed {}
export class LimitReached extends EunoeError {}
export class Unavailable extends EunoeError {}
export class ServerNotReached extends Unavailable {}
export class DeadlineExceeded extends EunoeError {}
export class UpstreamFailed extends EunoeError {
  /** Of the model's own answer; 0 when there was none. */
  readonly httpStatus: number;
  /** What it said, cut at a length that fits a status. */
  readonly body: Uint8Array;

  constructor(message: string, facts: ErrorFacts = {}) {
    super(message, facts);
    this.httpStatus = facts.httpStatus ?? 0;
    this.body = facts.body ?? new Uint8Array();
  }
}
export class NotSupported extends EunoeError {}
export class InternalError extends EunoeError {}
export class ClientClosed extends EunoeError {}

type Kind = new (message: string, facts?: ErrorFacts) => EunoeError;

/** One table by the server's reason, complete over `eunoe.v1.ErrorReason` (a test). */
export const BY_REASON: Record<string, Kind> = {
  MISSING_PARAMETER: InvalidRequest,
  INVALID_PARAMETER: InvalidRequest,
  INVALID_INPUT: InvalidRequest,
  CONFLICTING_PARAMETERS: InvalidRequest,
  REQUEST_TOO_LARGE: RequestTooLarge,
  INVALID_API_KEY: NotAuthenticated,
  PERMISSION_DENIED: NotPermitted,
  MEMORY_NOT_FOUND: NotFound,
  DIALOGUE_NOT_FOUND: NotFound,
  MESSAGE_NOT_FOUND: NotFound,
  NAMESPACE_NOT_FOUND: NotFound,
  API_KEY_NOT_FOUND: NotFound,
  MODEL_NOT_FOUND: NotFound,
  DUPLICATE_ID: DuplicateId,
  DIALOGUE_ENDED: DialogueEnded,
  STATE_VERSION_MISMATCH: StateVersionMismatch,
  IDEMPOTENCY_KEY_REUSED: InvalidRequest,
  IDEMPOTENCY_IN_PROGRESS: Unavailable,
  RATE_LIMIT_EXCEEDED: LimitReached,
  QUOTA_EXCEEDED: LimitReached,
  OVERLOADED: LimitReached,
  STORAGE_UNAVAILABLE: Unavailable,
  EMBEDDER_UNAVAILABLE: Unavailable,
  EXTRACTOR_UNAVAILABLE: Unavailable,
  MEMORY_UNAVAILABLE: Unavailable,
  UPSTREAM_ERROR: UpstreamFailed,
  UPSTREAM_AUTHENTICATION: UpstreamFailed,
  UPSTREAM_UNREACHABLE: UpstreamFailed,
  UPSTREAM_TIMEOUT: UpstreamFailed,
  NOT_IMPLEMENTED: NotSupported,
  INTERNAL_ERROR: InternalError,
};

/** One by the status, for reasons that are newer than this client and answers that are not ours. */
export const BY_STATUS: Record<Code, Kind> = {
  [Code.Canceled]: Unavailable,
  [Code.Unknown]: InternalError,
  [Code.InvalidArgument]: InvalidRequest,
  [Code.DeadlineExceeded]: DeadlineExceeded,
  [Code.NotFound]: NotFound,
  [Code.AlreadyExists]: DuplicateId,
  [Code.PermissionDenied]: NotPermitted,
  [Code.ResourceExhausted]: LimitReached,
  [Code.FailedPrecondition]: PreconditionFailed,
  [Code.Aborted]: PreconditionFailed,
  [Code.OutOfRange]: InvalidRequest,
  [Code.Unimplemented]: NotSupported,
  [Code.Internal]: InternalError,
  [Code.Unavailable]: ServerNotReached,
  [Code.DataLoss]: InternalError,
  [Code.Unauthenticated]: NotAuthenticated,
};

/** The error that tells a caller what happened. */
export function failure(thrown: unknown, address: string, timeoutMs: number): EunoeError {
  const error = ConnectError.from(thrown);
  const info = error.findDetails(ErrorInfoSchema).find((each) => each.domain === "eunoe");
  if (info === undefined) return unanswered(error, address, timeoutMs);
  const retry = error.findDetails(RetryInfoSchema)[0]?.retryDelay;
  const upstream = error.findDetails(UpstreamErrorSchema)[0];
  const kind = BY_REASON[info.reason] ?? BY_STATUS[error.code];
  return new kind(error.rawMessage, {
    reason: info.reason,
    fields: error
      .findDetails(BadRequestSchema)
      .flatMap((bad) => bad.fieldViolations.map(({ field, description }) => ({ field, description }))),
    retryAfterSeconds: retry && Number(retry.seconds) + retry.nanos / 1e9,
    requestId: info.metadata["request_id"],
    httpStatus: upstream?.httpStatus,
    body: upstream?.body,
    cause: error,
  });
}

function unanswered(error: ConnectError, address: string, timeoutMs: number): EunoeError {
  const facts = { cause: error };
  switch (isBroken(error) ? Code.Unavailable : error.code) {
    case Code.Unavailable:
      return new ServerNotReached(
        `No Eunoe server answers at ${address} (${error.rawMessage}). Is it running? Is this its gRPC ` +
          "address (EUNOE_GRPC_ADDRESS, port 50051 unless changed) and not the HTTP one? Does it want TLS?",
        facts,
      );
    case Code.DeadlineExceeded:
      return new DeadlineExceeded(
        `${address} gave no answer within ${timeoutMs} ms. Allow more time with \`timeoutMs\`, or see ` +
          "whether the server is well.",
        facts,
      );
    default:
      return new BY_STATUS[error.code](error.rawMessage, facts);
  }
}

/** Whether the connection broke under the call; Node and connect-node have several words for it. */
function isBroken(error: ConnectError): boolean {
  const code = (error.cause as { code?: unknown } | undefined)?.code;
  return typeof code === "string" && /^(ERR_HTTP2_|ECONN|EPIPE|ENOTFOUND|ETIMEDOUT|EHOSTUNREACH)/.test(code);
}

/** What is found; null when there is none. */
export async function orNull<T>(finding: Promise<T>): Promise<T | null> {
  try {
    return await finding;
  } catch (error) {
    if (error instanceof NotFound) return null;
    throw error;
  }
}
