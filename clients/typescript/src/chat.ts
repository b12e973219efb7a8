/**
 * Chats with a model that remembers. A whole answer that may never have been asked for is asked for
 * again, with the same idempotency key; a stream is not.
 */
import type { MessageInitShape } from "@bufbuild/protobuf";
import type { Role } from "./dialogue.js";
import {
  ChatView,
  type ChatMessageSchema,
  type ChatUsage as SentUsage,
  type CompleteChatRequestSchema,
  type MemoryReport as SentReport,
} from "./gen/eunoe/v1/chat_pb.js";
import { optional, stringify, type JsonValue } from "./json.js";
import { toIso } from "./moment.js";
import type { Wire } from "./wire.js";

/** A tool that the model calls, as OpenAI has it. */
export interface ToolCall {
  id: string;
  type?: "function";
  /** `arguments` is text that should be, and may fail to be, JSON. */
  function: { name: string; arguments: string };
}

/** One message of a chat, as OpenAI has it. An answer's message can be sent back as it is. */
export interface ChatMessage {
  role: Role;
  /** Text, or a list of OpenAI's content parts. */
  content?: string | readonly JsonValue[] | null;
  name?: string;
  tool_calls?: readonly ToolCall[];
  tool_call_id?: string;
  refusal?: string;
}

/** What can be asked beside the messages. What is left out is the server's choice. */
export interface ChatOptions {
  model?: string;
  /** Where to recall from and to store in. */
  namespace?: string;
  /** Which conversation this continues; a new id starts one. */
  chatId?: string;
  /** The session; its earlier turns are put before the messages. */
  sessionId?: string;
  /** After how many idle seconds facts are taken from it and other conversations recall it. */
  commitAfter?: number;
  memory?: "auto" | "read" | "write" | "off";
  temperature?: number;
  topP?: number;
  maxCompletionTokens?: number;
  stop?: readonly string[];
  seed?: bigint | number;
  /** As OpenAI has them, as the next two. */
  tools?: readonly JsonValue[];
  toolChoice?: JsonValue;
  responseFormat?: JsonValue;
  user?: string;
}

export interface ChatUsage {
  promptTokens: number;
  completionTokens: number;
  totalTokens: number;
}

/** What memory did for one chat. */
export interface MemoryReport {
  chatId: string;
  namespace: string;
  /** chat_id, session, history or new */
  matchedBy: string;
  notes: { object: string; id: string; dialogueId: string; text: string; role: string; created?: string; relevance: number }[];
  /** Which steps were left out for a fault: identity, replay, recall, store. */
  degraded: string[];
  injectedTokens: number;
}

export interface ChatAnswer {
  id: string;
  model: string;
  /** What was said; empty when tools are called instead. */
  text: string;
  message: ChatMessage;
  finishReason: string;
  usage: ChatUsage;
  memory: MemoryReport;
}

/** A piece of an answer. */
export interface ChatChunk {
  text: string;
  toolCalls: { index: number; id: string; name: string; arguments: string }[];
  refusal: string;
  /** Only on the last piece with text. */
  finishReason: string;
  /** Only on the last piece of all. */
  usage: ChatUsage | undefined;
}

export class Chat {
  readonly #wire: Wire;

  /** @internal */
  constructor(wire: Wire) {
    this.#wire = wire;
  }

  /** A whole answer; the exchange is stored by then. */
  async complete(messages: string | readonly ChatMessage[], options: ChatOptions = {}): Promise<ChatAnswer> {
    const request = asked(messages, options);
    const answer = await this.#wire.write(
      (call, requestId) => this.#wire.chat.completeChat({ ...request, requestId }, call),
      this.#wire.chatTimeoutMs,
    );
    const choice = answer.choices[0];
    const said = choice?.message;
    return {
      id: answer.id,
      model: answer.model,
      text: said?.content ?? "",
      message: {
        role: "assistant",
        content: said?.content ?? null,
        ...(said?.toolCalls.length && {
          tool_calls: said.toolCalls.map((each) => ({
            id: each.id,
            type: "function" as const,
            function: { name: each.name, arguments: each.arguments },
          })),
        }),
        ...(said?.refusal !== undefined && { refusal: said.refusal }),
      },
      finishReason: choice?.finishReason ?? "",
      usage: usage(answer.usage),
      memory: report(answer.memory),
    };
  }

  /** An answer piece by piece; `for await` over it. Leaving the loop stops the model. */
  stream(messages: string | readonly ChatMessage[], options: ChatOptions = {}): ChatStream {
    return new ChatStream(this.#wire, asked(messages, options));
  }

  /** The models that chats can name. */
  async models(): Promise<{ id: string; ownedBy: string }[]> {
    const { models } = await this.#wire.read((call) => this.#wire.chat.listModels({}, call));
    return models.map(({ id, ownedBy }) => ({ id, ownedBy }));
  }
}

type Asked = Omit<MessageInitShape<typeof CompleteChatRequestSchema>, "$typeName">;

/** An answer that arrives in pieces. */
export class ChatStream implements AsyncIterable<ChatChunk> {
  /** What memory did; known with the first piece. */
  memory: MemoryReport | undefined;
  /** What became of the exchange; known at the end. */
  stored: { isStored: boolean; chatId: string; degraded: string[] } | undefined;
  readonly #pieces: AsyncGenerator<ChatChunk, void, undefined>;

  /** @internal */
  constructor(wire: Wire, request: Asked) {
    this.#pieces = this.#read(wire, request);
  }

  /** The pieces, once. */
  [Symbol.asyncIterator](): AsyncIterator<ChatChunk> {
    return this.#pieces;
  }

  async *#read(wire: Wire, request: Asked): AsyncGenerator<ChatChunk, void, undefined> {
    const events = wire.stream((call, requestId) => wire.chat.streamChat({ ...request, requestId }, call));
    for await (const { event } of events) {
      switch (event.case) {
        case "started":
          this.memory = report(event.value.memory);
          break;
        case "chunk": {
          const delta = event.value.deltas[0];
          yield {
            text: delta?.content ?? "",
            toolCalls: delta?.toolCalls ?? [],
            refusal: delta?.refusal ?? "",
            finishReason: delta?.finishReason ?? "",
            usage: event.value.usage && usage(event.value.usage),
          };
          break;
        }
        case "finished":
          this.stored = {
            isStored: event.value.isStored,
            chatId: event.value.chatId,
            degraded: words(event.value.degraded),
          };
      }
    }
  }
}

function asked(messages: string | readonly ChatMessage[], options: ChatOptions): Asked {
  const { commitAfter, tools, toolChoice, responseFormat, seed, stop, ...plain } = options;
  const conversation = typeof messages === "string" ? [{ role: "user" as const, content: messages }] : messages;
  return {
    ...plain,
    commitAfterSeconds: commitAfter,
    seed: seed === undefined ? undefined : BigInt(seed),
    stop: [...(stop ?? [])],
    toolsJson: optional(tools, "tools"),
    toolChoiceJson: optional(toolChoice, "toolChoice"),
    responseFormatJson: optional(responseFormat, "responseFormat"),
    messages: conversation.map(sent),
    view: ChatView.TYPED,
  };
}

function sent(given: ChatMessage, at: number): MessageInitShape<typeof ChatMessageSchema> {
  const { content } = given;
  return {
    role: given.role,
    name: given.name,
    toolCallId: given.tool_call_id,
    refusal: given.refusal,
    content: typeof content === "string" ? content : undefined,
    contentPartsJson: Array.isArray(content) ? stringify(content, `messages[${at}].content`) : "",
    toolCalls: (given.tool_calls ?? []).map((each) => ({
      id: each.id,
      name: each.function.name,
      arguments: each.function.arguments,
    })),
  };
}

function usage(given: SentUsage | undefined): ChatUsage {
  return {
    promptTokens: given?.promptTokens ?? 0,
    completionTokens: given?.completionTokens ?? 0,
    totalTokens: given?.totalTokens ?? 0,
  };
}

function report(given: SentReport | undefined): MemoryReport {
  return {
    chatId: given?.chatId ?? "",
    namespace: given?.namespace ?? "",
    matchedBy: given?.matchedBy ?? "",
    notes: (given?.notes ?? []).map((note) => ({
      object: note.object,
      id: note.id,
      dialogueId: note.dialogueId,
      text: note.text,
      role: note.role,
      created: toIso(note.createTime),
      relevance: note.relevance,
    })),
    degraded: words(given?.degraded ?? ""),
    injectedTokens: given?.injectedTokens ?? 0,
  };
}

function words(text: string): string[] {
  return text.split(",").map((word) => word.trim()).filter(Boolean);
}
