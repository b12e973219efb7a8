/** Memories, and the facts among them. */
import { orNull } from "./errors.js";
import type { Fact as SentFact, Memory as SentMemory } from "./gen/eunoe/v1/memory_pb.js";
import { optional, parse, stringify, type JsonValue } from "./json.js";
import { fromMoment, toIso, type Moment } from "./moment.js";
import { Paged } from "./paging.js";
import { uuid7 } from "./uuid7.js";
import type { Wire } from "./wire.js";

export type FactType = "preference" | "fact" | "experience" | "goal" | "relationship";

/** What is known of a memory that was found in messages. */
export interface Fact {
  type: string;
  /** 0 to 1 */
  confidence: number;
  validFrom: string | undefined;
  /** undefined while it holds */
  validTo: string | undefined;
  supersededBy: string | undefined;
  observationCount: number;
  source: {
    dialogueId: string | undefined;
    messageId: string | undefined;
    role: string;
    startCharacter: number;
    endCharacter: number;
    extractor: string;
  };
}

/** A memory to be created. */
export interface NewMemory {
  value: JsonValue;
  /** Left out: a new one is made. */
  id?: string;
  label?: string;
  description?: string;
  tags?: readonly string[];
  metadata?: { readonly [key: string]: JsonValue };
}

/** Something remembered. Its value never changes; its tags do. */
export class Memory {
  readonly id: string;
  readonly namespace: string | undefined;
  readonly label: string | undefined;
  readonly description: string | undefined;
  /** Any JSON value, as it was given. */
  readonly value: any;
  tags: string[];
  readonly metadata: Record<string, unknown>;
  readonly created: string;
  modified: string;
  /** undefined for memories that were created explicitly */
  readonly fact: Fact | undefined;
  readonly #wire: Wire;

  /** @internal */
  constructor(wire: Wire, sent: SentMemory) {
    this.#wire = wire;
    this.id = sent.id;
    this.namespace = sent.namespace;
    this.label = sent.label;
    this.description = sent.description;
    this.value = parse(sent.valueJson);
    this.tags = sent.tags;
    this.metadata = (parse(sent.metadataJson) as Record<string, unknown> | undefined) ?? {};
    this.created = toIso(sent.createTime) ?? "";
    this.modified = toIso(sent.updateTime) ?? "";
    this.fact = sent.fact && readFact(sent.fact);
  }

  /** Gives it these tags in place of all it has. Throws NotFound. */
  async saveTags(tags: readonly string[]): Promise<void> {
    const { id, namespace } = this;
    const { memory } = await this.#wire.write((options, requestId) =>
      this.#wire.memory.updateMemory({ id, namespace, tags: [...tags], requestId }, options),
    );
    this.tags = memory!.tags;
    this.modified = toIso(memory!.updateTime) ?? "";
  }

  /** Deletes it for good. Throws NotFound. */
  async remove(): Promise<void> {
    await deleteMemory(this.#wire, this.id, this.namespace);
  }
}

/** One message to look for facts in. */
export interface ExtractionMessage {
  role: string;
  /** Text, or a list of OpenAI's content parts. */
  content: JsonValue;
  name?: string;
  created?: Moment;
}

/** What was found in messages, in their order, and what that cost. */
export interface Extraction {
  items: { memory: Memory; outcome: string; supersededIds: string[] }[];
  usage: { extractor: string; promptTokens: number; completionTokens: number };
}

/** How a list of memories is narrowed and paged. */
export interface ListMemoriesOptions {
  namespace?: string;
  /** The size of a page. */
  limit?: number;
  order?: "asc" | "desc";
  /** Where an earlier page ended. */
  next?: string;
  /** An instant, or a whole day such as 2025-01-15 in UTC. */
  created?: string;
  startDate?: Moment;
  endDate?: Moment;
  factsOnly?: boolean;
  memoryType?: FactType;
  minConfidence?: number;
  asOf?: Moment;
  includeSuperseded?: boolean;
}

export async function createMemory(wire: Wire, given: NewMemory & { namespace?: string }): Promise<Memory> {
  const asked = { ...sent(given, "value", "metadata"), namespace: given.namespace };
  const { memory } = await wire.write((options, requestId) =>
    wire.memory.createMemory({ ...asked, requestId }, options),
  );
  return new Memory(wire, memory!);
}

export async function createMemories(
  wire: Wire,
  given: readonly (NewMemory & { created?: Moment })[],
  namespace: string | undefined,
): Promise<Memory[]> {
  const asked = given.map((each, at) => ({
    ...sent(each, `memories[${at}].value`, `memories[${at}].metadata`),
    createTime: fromMoment(each.created, `memories[${at}].created`),
  }));
  const { memories } = await wire.write((options, requestId) =>
    wire.memory.batchCreateMemories({ namespace, memories: asked, requestId }, options),
  );
  return memories.map((each) => new Memory(wire, each));
}

export async function getMemory(wire: Wire, id: string, namespace: string | undefined): Promise<Memory | null> {
  const found = await orNull(wire.read((options) => wire.memory.getMemory({ id, namespace }, options)));
  return found && new Memory(wire, found.memory!);
}

export function listMemories(wire: Wire, given: ListMemoriesOptions): Paged<Memory> {
  const request = {
    namespace: given.namespace,
    pageSize: given.limit,
    order: given.order,
    created: given.created,
    startTime: fromMoment(given.startDate, "startDate"),
    endTime: fromMoment(given.endDate, "endDate"),
    factsOnly: given.factsOnly,
    memoryType: given.memoryType,
    minConfidence: given.minConfidence,
    asOfTime: fromMoment(given.asOf, "asOf"),
    includeSuperseded: given.includeSuperseded,
  };
  return new Paged(async (pageToken) => {
    const page = await wire.read((options) => wire.memory.listMemories({ ...request, pageToken }, options));
    return { items: page.memories.map((each) => new Memory(wire, each)), next: page.nextPageToken };
  }, given.next);
}

export async function deleteMemory(
  wire: Wire,
  id: string,
  namespace: string | undefined,
): Promise<{ success: boolean; id: string }> {
  await wire.write((options, requestId) => wire.memory.deleteMemory({ id, namespace, requestId }, options));
  return { success: true, id };
}

export async function extractMemories(
  wire: Wire,
  messages: readonly ExtractionMessage[],
  given: { namespace?: string; tags?: readonly string[]; metadata?: JsonValue; dryRun?: boolean },
): Promise<Extraction> {
  const request = {
    namespace: given.namespace,
    tags: [...(given.tags ?? [])],
    metadataJson: optional(given.metadata, "metadata"),
    dryRun: given.dryRun,
    messages: messages.map(({ role, content, name, created }, at) => ({
      role,
      name,
      contentJson: stringify(content, `messages[${at}].content`),
      createTime: fromMoment(created, `messages[${at}].created`),
    })),
  };
  const found = await wire.write((options, requestId) =>
    wire.memory.extractMemories({ ...request, requestId }, options),
  );
  return {
    items: found.memories.map(({ memory, outcome, supersededIds }) => ({
      memory: new Memory(wire, memory!),
      outcome,
      supersededIds,
    })),
    usage: {
      extractor: found.usage?.extractor ?? "",
      promptTokens: found.usage?.promptTokens ?? 0,
      completionTokens: found.usage?.completionTokens ?? 0,
    },
  };
}

function sent(given: NewMemory, valueName: string, metadataName: string) {
  return {
    id: given.id ?? uuid7(),
    valueJson: stringify(given.value, valueName),
    label: given.label,
    description: given.description,
    tags: [...(given.tags ?? [])],
    metadataJson: optional(given.metadata, metadataName),
  };
}

function readFact(fact: SentFact): Fact {
  return {
    type: fact.type,
    confidence: fact.confidence,
    validFrom: toIso(fact.validFromTime),
    validTo: toIso(fact.validToTime),
    supersededBy: fact.supersededBy,
    observationCount: fact.observationCount,
    source: {
      dialogueId: fact.source?.dialogueId,
      messageId: fact.source?.messageId,
      role: fact.source?.role ?? "",
      startCharacter: fact.source?.startCharacter ?? 0,
      endCharacter: fact.source?.endCharacter ?? 0,
      extractor: fact.source?.extractor ?? "",
    },
  };
}
