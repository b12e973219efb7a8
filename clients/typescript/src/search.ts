/** Search: by meaning and by words. */
import { Dialogue, Message } from "./dialogue.js";
import type { SearchResponse, SearchResult as SentResult } from "./gen/eunoe/v1/search_pb.js";
import { optional, type JsonValue } from "./json.js";
import { Memory, type FactType } from "./memory.js";
import { fromMoment, type Moment } from "./moment.js";
import type { Wire } from "./wire.js";

/** One signal of a ranking: what it measured, and what that adds to the score. */
export interface Signal {
  name: string;
  value: number;
  weight: number;
  contribution: number;
}

/** One thing that was found. */
export interface Found<T> {
  item: T;
  /** How well it fits, 0 to 1, comparable between queries. */
  relevance: number;
  /** Of a dialogue: its messages that matched, the best first. */
  matches: Found<Message>[];
  /** How the relevance came about. Empty unless `explain` was asked for. */
  signals: Signal[];
}

/** How a search is narrowed. A phrase such as "last week", a date, an instant, or bounds of them. */
export type When = string | Date | { gte?: string | Date; gt?: string | Date; lte?: string | Date; lt?: string | Date };

export interface SearchOptions {
  namespace?: string;
  /** At most this many results. Left out: 10. */
  limit?: number;
  /** A tag, tags of which one must be there, or `$in`, `$all`, `$nin`. */
  tags?: string | readonly string[] | { $in?: readonly string[]; $all?: readonly string[]; $nin?: readonly string[] };
  metadata?: { readonly [field: string]: JsonValue };
  filter?: { created?: When; modified?: When; hasImage?: boolean };
  orderBy?: "relevance" | "created" | "modified";
  order?: "asc" | "desc";
  timezone?: string;
  explain?: boolean;
  mode?: "hybrid" | "vector" | "words";
  dialogueId?: string;
  minRelevance?: number;
  memoryType?: FactType;
  minConfidence?: number;
  asOf?: Moment;
  includeSuperseded?: boolean;
}

export async function searchMemories(wire: Wire, query: string, options: SearchOptions): Promise<Found<Memory>[]> {
  const { results } = await search(wire, query, "memory", options);
  return results.map((each) => found(wire, each, new Memory(wire, each.item.value as never)));
}

export async function searchMessages(wire: Wire, query: string, options: SearchOptions): Promise<Found<Message>[]> {
  const { results } = await search(wire, query, "message", options);
  return results.map((each) => found(wire, each, new Message(wire, each.item.value as never)));
}

export async function searchDialogues(wire: Wire, query: string, options: SearchOptions): Promise<Found<Dialogue>[]> {
  const { results } = await search(wire, query, "dialogue", options);
  return results.map((each) => found(wire, each, new Dialogue(wire, each.item.value as never)));
}

function found<T>(wire: Wire, sent: SentResult, item: T): Found<T> {
  return {
    item,
    relevance: sent.relevance,
    matches: sent.matches.map((match) => found(wire, match, new Message(wire, match.item.value as never))),
    signals: (sent.explanation?.signals ?? []).map(({ name, value, weight, contribution }) => ({
      name,
      value,
      weight,
      contribution,
    })),
  };
}

async function search(wire: Wire, query: string, object: string, given: SearchOptions): Promise<SearchResponse> {
  const { tags, metadata, filter, asOf, ...plain } = given;
  const request = {
    ...plain,
    query,
    object,
    tagsJson: optional(tags, "tags"),
    metadataJson: optional(metadata, "metadata"),
    filterJson: optional(filter, "filter"),
    asOfTime: fromMoment(asOf, "asOf"),
  };
  return wire.read((options) => wire.search.search(request, options));
}
