/** Dialogues, and chats, which keep theirs in the same store. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { DialogueEnded, StateVersionMismatch } from "../src/index.js";
import { connected, newNamespace } from "./server.js";

const db = connected();

test("messages come back in order and as they were", async () => {
  const namespace = newNamespace();
  const dialogue = await db.createDialogue({ namespace, message: { role: "user", content: "Hello" } });
  const tool_calls = [{ id: "c1", type: "function", function: { name: "look", arguments: "{}" } }];
  await dialogue.saveMessage({ role: "assistant", tool_calls });
  await dialogue.saveMessages([
    { role: "tool", content: "found", tool_call_id: "c1" },
    { role: "user", content: [{ type: "text", text: "Thanks" }], tags: ["polite"] },
  ]);
  const { items, next } = await dialogue.loadMessages({ limit: 3 });
  assert.deepEqual(items.map((message) => message.role), ["user", "assistant", "tool"]);
  assert.deepEqual(items[1]?.tool_calls, tool_calls);
  const [last] = (await dialogue.loadMessages({ next, limit: 3 })).items;
  assert.deepEqual(last?.content, [{ type: "text", text: "Thanks" }]);
  await last?.saveTags(["done"]);
  assert.deepEqual((await dialogue.getMessage(last!.id))?.tags, ["done"]);
  await last?.remove();
  assert.equal(await dialogue.getMessage(last!.id), null);
});

test("state is merged here, replaced there, and guarded on request", async () => {
  const namespace = newNamespace();
  const mine = await db.createDialogue({ namespace, state: { step: 1 } });
  mine.setState({ cart: [2n ** 70n] });
  await mine.saveState();
  const theirs = await db.getDialogue(mine.id, { namespace });
  assert.deepEqual(theirs?.state, { step: 1, cart: [2n ** 70n] });
  await theirs?.patchState({ step: null });
  await assert.rejects(mine.saveState({ onlyIfUnchanged: true }), StateVersionMismatch);
  assert.deepEqual(await mine.loadState(), { cart: [2n ** 70n] });
});

test("threads belong to their dialogue, and an ended one takes no more messages", async () => {
  const namespace = newNamespace();
  const id = `${namespace}-support`;
  const dialogue = await db.getOrCreateDialogue({ id, namespace, label: "Support" });
  assert.equal((await db.getOrCreateDialogue({ id, namespace })).label, "Support");
  const thread = await dialogue.createThread({ label: "aside" });
  assert.deepEqual((await dialogue.getThreads()).items.map((each) => each.id), [thread.id]);
  await dialogue.end();
  assert.equal(dialogue.status, "ended");
  await assert.rejects(dialogue.saveMessage({ role: "user", content: "late" }), DialogueEnded);
  await db.deleteDialogue(id, { namespace });
  assert.equal(await db.getDialogue(id, { namespace }), null);
});

test("messages and dialogues are found", async () => {
  const namespace = newNamespace();
  const dialogue = await db.createDialogue({ namespace });
  const said = await dialogue.saveMessage({ role: "user", content: "I moved to Berlin in May" });
  assert.equal((await db.searchMessages("Where did I move?", { namespace }))[0]?.item.id, said.id);
  const [found] = await db.searchDialogues("Where did I move?", { namespace });
  assert.equal(found?.item.id, dialogue.id);
  assert.equal(found?.matches[0]?.item.id, said.id);
});

test("a session remembers, as seed 003 shows", async () => {
  const namespace = newNamespace();
  const options = { model: "gpt-4", sessionId: namespace, namespace };
  const first = await db.chat.complete([{ role: "user", content: "My name is Alice" }], options);
  const second = await db.chat.complete("What's my name?", options);
  assert.match(second.text, /Alice/);
  assert.equal(second.memory.matchedBy, "session");
  const third = await db.chat.complete(
    [{ role: "user", content: "My name is Bob" }, first.message, { role: "user", content: "What is my name?" }],
    { namespace: newNamespace() },
  );
  assert.match(third.text, /Bob/);
});

test("a streamed answer is an async iterator and is stored when it ends", async () => {
  const namespace = newNamespace();
  const stream = db.chat.stream("Hello", { namespace });
  let text = "";
  for await (const piece of stream) text += piece.text;
  assert(text.length > 0);
  assert.equal(stream.stored?.isStored, true);
  const dialogue = await db.getDialogue(stream.stored.chatId, { namespace });
  assert.equal(dialogue?.messages.at(-1)?.content, text);
});

test("a stream can be left early", async () => {
  const stream = db.chat.stream("Tell me something long", { namespace: newNamespace() });
  for await (const piece of stream) if (piece.text) break;
  assert.notEqual(stream.memory, undefined);
  assert.equal(stream.stored, undefined);
});
