/** The client: one server, as the holder of one API key sees it. */
import { Admin } from "./admin.js";
import { Chat } from "./chat.js";
import * as dialogues from "./dialogue.js";
import { DuplicateId } from "./errors.js";
import type { JsonValue } from "./json.js";
import * as memories from "./memory.js";
import type { Moment } from "./moment.js";
import type { Paged } from "./paging.js";
import * as searching from "./search.js";
import { Wire, type ClientOptions } from "./wire.js";

export class Eunoe {
  readonly chat: Chat;
  readonly admin: Admin;
  readonly #wire: Wire;

  /** Opens no connection yet; the first call does. */
  constructor(options: ClientOptions) {
    this.#wire = new Wire(options);
    this.chat = new Chat(this.#wire);
    this.admin = new Admin(this.#wire);
  }

  /** Creates one memory, found by the next search. Throws DuplicateId. */
  createMemory(memory: memories.NewMemory & { namespace?: string }): Promise<memories.Memory> {
    return memories.createMemory(this.#wire, memory);
  }

  /** Creates up to 1,000 memories, all or none. */
  createMemories(
    given: readonly (memories.NewMemory & { created?: Moment })[],
    options: { namespace?: string } = {},
  ): Promise<memories.Memory[]> {
    return memories.createMemories(this.#wire, given, options.namespace);
  }

  /** One memory by its id; null when there is none. */
  getMemory(id: string, options: { namespace?: string } = {}): Promise<memories.Memory | null> {
    return memories.getMemory(this.#wire, id, options.namespace);
  }

  /** Memories, the newest first: `await` gives a page, `for await` all of them. */
  listMemories(options: memories.ListMemoriesOptions = {}): Paged<memories.Memory> {
    return memories.listMemories(this.#wire, options);
  }

  /** Deletes a memory for good. Throws NotFound. */
  deleteMemory(id: string, options: { namespace?: string } = {}): Promise<{ success: boolean; id: string }> {
    return memories.deleteMemory(this.#wire, id, options.namespace);
  }

  /** Finds facts in messages and keeps them. */
  extractMemories(
    messages: readonly memories.ExtractionMessage[],
    options: { namespace?: string; tags?: readonly string[]; metadata?: JsonValue; dryRun?: boolean } = {},
  ): Promise<memories.Extraction> {
    return memories.extractMemories(this.#wire, messages, options);
  }

  /** Creates a dialogue, with its first messages if there are any. Throws DuplicateId. */
  createDialogue(dialogue: dialogues.NewDialogue = {}): Promise<dialogues.Dialogue> {
    return dialogues.createDialogue(this.#wire, dialogue);
  }

  /** A dialogue by its id, with its state and latest messages; null when there is none. */
  getDialogue(
    id: string,
    options: { namespace?: string; messageLimit?: number } = {},
  ): Promise<dialogues.Dialogue | null> {
    return dialogues.getDialogue(this.#wire, id, options);
  }

  /** The dialogue with this id, created if there is none. */
  async getOrCreateDialogue(dialogue: dialogues.NewDialogue & { id: string }): Promise<dialogues.Dialogue> {
    const { id, namespace } = dialogue;
    const found = await this.getDialogue(id, { namespace });
    if (found !== null) return found;
    try {
      return await this.createDialogue(dialogue);
    } catch (error) {
      // Someone else was faster.
      const theirs = error instanceof DuplicateId ? await this.getDialogue(id, { namespace }) : null;
      if (theirs === null) throw error;
      return theirs;
    }
  }

  /** Dialogues of one namespace, the newest first, without state and messages. */
  listDialogues(options: dialogues.ListDialoguesOptions = {}): Paged<dialogues.Dialogue> {
    return dialogues.listDialogues(this.#wire, options);
  }

  /** Deletes a dialogue for good, with its messages and the facts that rest on it alone. */
  deleteDialogue(
    id: string,
    options: { namespace?: string; keepFacts?: boolean } = {},
  ): Promise<{ success: boolean; id: string }> {
    return dialogues.deleteDialogue(this.#wire, id, options);
  }

  /** Memories that fit a query best, by meaning and by words. */
  searchMemories(query: string, options: searching.SearchOptions = {}): Promise<searching.Found<memories.Memory>[]> {
    return searching.searchMemories(this.#wire, query, options);
  }

  /** Messages that fit a query best. */
  searchMessages(query: string, options: searching.SearchOptions = {}): Promise<searching.Found<dialogues.Message>[]> {
    return searching.searchMessages(this.#wire, query, options);
  }

  /** Dialogues that fit a query best, each with the messages that matched. */
  searchDialogues(query: string, options: searching.SearchOptions = {}): Promise<searching.Found<dialogues.Dialogue>[]> {
    return searching.searchDialogues(this.#wire, query, options);
  }

  /** Ends calls that are under way; later ones throw ClientClosed. */
  close(): void {
    this.#wire.close();
  }
}
