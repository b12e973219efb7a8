/** Dialogues: conversations with their messages and their state. */
import type { MessageInitShape } from "@bufbuild/protobuf";
import { orNull } from "./errors.js";
import type {
  Dialogue as SentDialogue,
  Message as SentMessage,
  NewMessageSchema,
} from "./gen/eunoe/v1/dialogue_pb.js";
import { optional, parse, stringify, type JsonValue } from "./json.js";
import { fromMoment, toIso, type Moment } from "./moment.js";
import { Paged } from "./paging.js";
import { uuid7 } from "./uuid7.js";
import type { Wire } from "./wire.js";

export type Role = "system" | "developer" | "user" | "assistant" | "tool" | "function";

type State = Record<string, unknown>;
type NewSentMessage = MessageInitShape<typeof NewMessageSchema> & { id: string };

/** A message to be added to a dialogue. */
export interface NewMessage {
  role: Role;
  /** Text, an object or a list of content parts. Only a message with tool calls may have none. */
  content?: JsonValue;
  id?: string;
  name?: string;
  /** As OpenAI has them. */
  tool_calls?: readonly JsonValue[];
  tool_call_id?: string;
  tags?: readonly string[];
  metadata?: { readonly [key: string]: JsonValue };
  /** For imports. Left out: now. */
  created?: Moment;
}

/** A dialogue to be created. */
export interface NewDialogue {
  id?: string;
  namespace?: string;
  label?: string;
  message?: NewMessage;
  messages?: readonly NewMessage[];
  state?: { readonly [key: string]: JsonValue };
  metadata?: { readonly [key: string]: JsonValue };
  tags?: readonly string[];
  created?: Moment;
  /** After how many idle seconds facts are taken from it and chats of the namespace recall it. */
  commitAfter?: number;
}

/** How messages are paged. */
export interface LoadMessagesOptions {
  limit?: number;
  /** Left out: `asc`, the earliest first. */
  order?: "asc" | "desc";
  next?: string;
  created?: string;
  startDate?: Moment;
  endDate?: Moment;
  includeSuperseded?: boolean;
}

/** How dialogues are narrowed and paged. */
export interface ListDialoguesOptions {
  namespace?: string;
  limit?: number;
  order?: "asc" | "desc";
  next?: string;
  created?: string;
  startDate?: Moment;
  endDate?: Moment;
  threadOf?: string;
}

/** One turn of a dialogue. Nothing of it but its tags can change. */
export class Message {
  readonly id: string;
  readonly dialogueId: string;
  readonly namespace: string | undefined;
  readonly role: string;
  /** As it was given. */
  readonly content: any;
  readonly name: string | undefined;
  readonly tool_calls: unknown[] | undefined;
  readonly tool_call_id: string | undefined;
  tags: string[];
  readonly metadata: Record<string, unknown>;
  readonly created: string;
  modified: string;
  readonly finish_reason: string | undefined;
  readonly isInterrupted: boolean;
  readonly isSuperseded: boolean;
  readonly isCommitted: boolean;
  readonly position: number;
  readonly #wire: Wire;

  /** @internal */
  constructor(wire: Wire, sent: SentMessage) {
    this.#wire = wire;
    this.id = sent.id;
    this.dialogueId = sent.dialogueId;
    this.namespace = sent.namespace;
    this.role = sent.role;
    this.content = parse(sent.contentJson);
    this.name = sent.name;
    this.tool_calls = parse(sent.toolCallsJson) as unknown[] | undefined;
    this.tool_call_id = sent.toolCallId;
    this.tags = sent.tags;
    this.metadata = (parse(sent.metadataJson) as State | undefined) ?? {};
    this.created = toIso(sent.createTime) ?? "";
    this.modified = toIso(sent.updateTime) ?? "";
    this.finish_reason = sent.finishReason;
    this.isInterrupted = sent.isInterrupted;
    this.isSuperseded = sent.isSuperseded;
    this.isCommitted = sent.isCommitted;
    this.position = sent.position;
  }

  /** Gives it these tags in place of all it has. Throws NotFound. */
  async saveTags(tags: readonly string[]): Promise<void> {
    const { id, dialogueId, namespace } = this;
    const { message } = await this.#wire.write((options, requestId) =>
      this.#wire.dialogue.updateMessage({ id, dialogueId, namespace, tags: [...tags], requestId }, options),
    );
    this.tags = message!.tags;
    this.modified = toIso(message!.updateTime) ?? "";
  }

  /** Deletes it for good. Throws NotFound. */
  async remove(): Promise<void> {
    const { id, dialogueId, namespace } = this;
    await this.#wire.write((options, requestId) =>
      this.#wire.dialogue.deleteMessage({ id, dialogueId, namespace, requestId }, options),
    );
  }
}

/** A conversation, as it was when it was last read or changed through this object. */
export class Dialogue {
  readonly id: string;
  readonly namespace: string | undefined;
  readonly threadOf: string | undefined;
  label: string | undefined;
  /** `active`, or `ended` once it takes no more messages */
  status: string;
  tags: string[];
  readonly metadata: Record<string, unknown>;
  /** Changed here by `setState`, on the server by `saveState`. Lists and searches leave it out. */
  state: State;
  stateVersion: number;
  totalMessages: number;
  threadCount: number;
  readonly created: string;
  modified: string;
  endedAt: string | undefined;
  /** The earliest first: all that were created with it, or the latest ones if it was got by id. */
  readonly messages: Message[];
  readonly #wire: Wire;

  /** @internal */
  constructor(wire: Wire, sent: SentDialogue) {
    this.#wire = wire;
    this.id = sent.id;
    this.namespace = sent.namespace;
    this.threadOf = sent.threadOf;
    this.label = sent.label;
    this.status = sent.status;
    this.tags = sent.tags;
    this.metadata = (parse(sent.metadataJson) as State | undefined) ?? {};
    this.state = (parse(sent.stateJson) as State | undefined) ?? {};
    this.stateVersion = sent.stateVersion;
    this.totalMessages = sent.totalMessages;
    this.threadCount = sent.threadCount;
    this.created = toIso(sent.createTime) ?? "";
    this.modified = toIso(sent.updateTime) ?? "";
    this.endedAt = toIso(sent.endTime);
    this.messages = sent.messages.map((each) => new Message(wire, each));
  }

  /** Appends one message. Throws DialogueEnded, DuplicateId, NotFound. */
  async saveMessage(message: NewMessage, options: { commitAfter?: number } = {}): Promise<Message> {
    const [saved] = await this.saveMessages([message], options);
    return saved!;
  }

  /** Appends up to 1,000 messages in order, all or none. */
  async saveMessages(messages: readonly NewMessage[], given: { commitAfter?: number } = {}): Promise<Message[]> {
    const asked = messages.map(sentMessage);
    const { id: dialogueId, namespace } = this;
    const { commitAfter: commitAfterSeconds } = given;
    const saved = await this.#wire.write((options, requestId) =>
      this.#wire.dialogue.createMessages(
        { dialogueId, namespace, messages: asked, commitAfterSeconds, requestId },
        options,
      ),
    );
    this.totalMessages += saved.messages.length;
    return saved.messages.map((each) => new Message(this.#wire, each));
  }

  /** The messages: `await` gives a page, `for await` all of them. */
  loadMessages(given: LoadMessagesOptions = {}): Paged<Message> {
    const request = {
      dialogueId: this.id,
      namespace: this.namespace,
      pageSize: given.limit,
      order: given.order ?? "asc",
      created: given.created,
      startTime: fromMoment(given.startDate, "startDate"),
      endTime: fromMoment(given.endDate, "endDate"),
      includeSuperseded: given.includeSuperseded,
    };
    return new Paged(async (pageToken) => {
      const page = await this.#wire.read((options) =>
        this.#wire.dialogue.listMessages({ ...request, pageToken }, options),
      );
      return { items: page.messages.map((each) => new Message(this.#wire, each)), next: page.nextPageToken };
    }, given.next);
  }

  /** One message by its id; null when there is none. */
  async getMessage(id: string): Promise<Message | null> {
    const { id: dialogueId, namespace } = this;
    const found = await orNull(
      this.#wire.read((options) => this.#wire.dialogue.getMessage({ dialogueId, id, namespace }, options)),
    );
    return found && new Message(this.#wire, found.message!);
  }

  /** Deletes a message for good. Throws NotFound. */
  async deleteMessage(id: string): Promise<void> {
    const { id: dialogueId, namespace } = this;
    await this.#wire.write((options, requestId) =>
      this.#wire.dialogue.deleteMessage({ id, dialogueId, namespace, requestId }, options),
    );
    this.totalMessages -= 1;
  }

  /** Creates a dialogue that is a thread of this one. */
  async createThread(given: Omit<NewDialogue, "namespace"> = {}): Promise<Dialogue> {
    return createDialogue(this.#wire, { ...given, namespace: this.namespace }, this.id);
  }

  /** The dialogues that are threads of this one. */
  getThreads(given: { limit?: number; next?: string } = {}): Paged<Dialogue> {
    return listDialogues(this.#wire, { ...given, namespace: this.namespace, threadOf: this.id });
  }

  /** Sets keys of `state` here; `saveState` writes them. Keys that are not named stay. */
  setState(changes: { readonly [key: string]: JsonValue }): void {
    this.state = { ...this.state, ...changes };
  }

  /**
   * Writes `state` in place of the server's. With `onlyIfUnchanged` it throws StateVersionMismatch
   * when someone else has written since this object read it.
   */
  async saveState(given: { onlyIfUnchanged?: boolean } = {}): Promise<void> {
    const { id: dialogueId, namespace } = this;
    const stateJson = stringify(this.state, "state");
    const ifVersion = given.onlyIfUnchanged ? this.stateVersion : undefined;
    const { version } = await this.#wire.write((options, requestId) =>
      this.#wire.dialogue.putDialogueState({ dialogueId, namespace, stateJson, ifVersion, requestId }, options),
    );
    this.stateVersion = version;
  }

  /** Changes the server's state by a JSON merge patch (RFC 7396), and `state` with it. */
  async patchState(changes: { readonly [key: string]: JsonValue }): Promise<void> {
    const { id: dialogueId, namespace } = this;
    const patchJson = stringify(changes, "changes");
    const now = await this.#wire.write((options, requestId) =>
      this.#wire.dialogue.patchDialogueState({ dialogueId, namespace, patchJson, requestId }, options),
    );
    this.#readState(now);
  }

  /** Reads the server's state into `state`. */
  async loadState(): Promise<State> {
    this.#readState(await this.#state());
    return this.state;
  }

  /** Gives it these tags in place of all it has. */
  async saveTags(tags: readonly string[]): Promise<void> {
    await this.#update({ tags: [...tags], updateMask: { paths: ["tags"] } });
  }

  /** Gives it another label; the empty one removes it. */
  async saveLabel(label: string): Promise<void> {
    await this.#update({ label, updateMask: { paths: ["label"] } });
  }

  /** Ends it: it takes no more messages and is committed at once. */
  async end(): Promise<void> {
    const { id, namespace } = this;
    const { dialogue } = await this.#wire.write((options, requestId) =>
      this.#wire.dialogue.endDialogue({ id, namespace, requestId }, options),
    );
    this.#read(dialogue!);
  }

  async #update(change: { label?: string; tags?: string[]; updateMask: { paths: string[] } }): Promise<void> {
    const { id, namespace } = this;
    const { dialogue } = await this.#wire.write((options, requestId) =>
      this.#wire.dialogue.updateDialogue({ id, namespace, ...change, requestId }, options),
    );
    this.#read(dialogue!);
  }

  async #state() {
    const { id: dialogueId, namespace } = this;
    return this.#wire.read((options) => this.#wire.dialogue.getDialogueState({ dialogueId, namespace }, options));
  }

  #readState(now: { stateJson: string; version: number }): void {
    this.state = parse(now.stateJson) as State;
    this.stateVersion = now.version;
  }

  /** What can have changed, but for messages and state, which most answers leave out. */
  #read(sent: SentDialogue): void {
    this.label = sent.label;
    this.status = sent.status;
    this.tags = sent.tags;
    this.stateVersion = sent.stateVersion;
    this.totalMessages = sent.totalMessages;
    this.threadCount = sent.threadCount;
    this.modified = toIso(sent.updateTime) ?? "";
    this.endedAt = toIso(sent.endTime);
  }
}

export async function createDialogue(wire: Wire, given: NewDialogue, threadOf?: string): Promise<Dialogue> {
  const messages = [...(given.message ? [given.message] : []), ...(given.messages ?? [])].map(sentMessage);
  const asked = {
    id: given.id ?? uuid7(),
    namespace: given.namespace,
    threadOf,
    label: given.label,
    messages,
    stateJson: optional(given.state, "state"),
    metadataJson: optional(given.metadata, "metadata"),
    tags: [...(given.tags ?? [])],
    createTime: fromMoment(given.created, "created"),
    commitAfterSeconds: given.commitAfter,
  };
  const { dialogue } = await wire.write((options, requestId) =>
    wire.dialogue.createDialogue({ ...asked, requestId }, options),
  );
  return new Dialogue(wire, dialogue!);
}

export async function getDialogue(
  wire: Wire,
  id: string,
  given: { namespace?: string; messageLimit?: number },
): Promise<Dialogue | null> {
  const found = await orNull(wire.read((options) => wire.dialogue.getDialogue({ id, ...given }, options)));
  return found && new Dialogue(wire, found.dialogue!);
}

export function listDialogues(wire: Wire, given: ListDialoguesOptions): Paged<Dialogue> {
  const request = {
    namespace: given.namespace,
    pageSize: given.limit,
    order: given.order,
    created: given.created,
    startTime: fromMoment(given.startDate, "startDate"),
    endTime: fromMoment(given.endDate, "endDate"),
    threadOf: given.threadOf,
  };
  return new Paged(async (pageToken) => {
    const page = await wire.read((options) => wire.dialogue.listDialogues({ ...request, pageToken }, options));
    return { items: page.dialogues.map((each) => new Dialogue(wire, each)), next: page.nextPageToken };
  }, given.next);
}

export async function deleteDialogue(
  wire: Wire,
  id: string,
  given: { namespace?: string; keepFacts?: boolean },
): Promise<{ success: boolean; id: string }> {
  await wire.write((options, requestId) => wire.dialogue.deleteDialogue({ id, ...given, requestId }, options));
  return { success: true, id };
}

function sentMessage(given: NewMessage, at: number): NewSentMessage {
  return {
    id: given.id ?? uuid7(),
    role: given.role,
    contentJson: stringify(given.content ?? null, `messages[${at}].content`),
    name: given.name,
    toolCallsJson: given.tool_calls?.length ? stringify(given.tool_calls, `messages[${at}].tool_calls`) : "",
    toolCallId: given.tool_call_id,
    createTime: fromMoment(given.created, `messages[${at}].created`),
    tags: [...(given.tags ?? [])],
    metadataJson: optional(given.metadata, `messages[${at}].metadata`),
  };
}
