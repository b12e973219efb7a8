/** Memories, as seed 002 prints them. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { DuplicateId, Memory, NotFound } from "../src/index.js";
import { connected, newNamespace } from "./server.js";

const db = connected();

test("a profile is created and read as seed 002 shows", async () => {
  const namespace = newNamespace();
  const memory = await db.createMemory({
    value: { firstName: "Jane", lastName: "Doe", company: "Acme Corp" },
    label: "User Profile",
    namespace,
    tags: ["profile", "customer"],
  });
  const same = await db.getMemory(memory.id);
  assert(same instanceof Memory);
  assert.deepEqual(same.value, { firstName: "Jane", lastName: "Doe", company: "Acme Corp" });
  assert.deepEqual({ ...same }, { ...memory });
  assert.match(memory.created, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/);
  assert.deepEqual(Object.keys(JSON.parse(JSON.stringify(memory))).sort(), [
    "created", "id", "label", "metadata", "modified", "namespace", "tags", "value",
  ]);
});

test("a memory that is missing is null, and deleting it is an error", async () => {
  assert.equal(await db.getMemory("nowhere"), null);
  await assert.rejects(db.deleteMemory("nowhere"), (error: NotFound) => error.reason === "MEMORY_NOT_FOUND");
});

test("a list gives items and next, or all of them", async () => {
  const namespace = newNamespace();
  await db.createMemories([{ value: 1 }, { value: 2 }, { value: 3 }], { namespace });
  const { items, next } = await db.listMemories({ namespace, limit: 2 });
  assert.equal(items.length, 2);
  const rest = await db.listMemories({ namespace, limit: 2, next });
  assert.equal(rest.items.length, 1);
  assert.equal(rest.next, undefined);
  const values = [];
  for await (const memory of db.listMemories({ namespace, limit: 2, order: "asc" })) values.push(memory.value);
  assert.deepEqual(values.sort(), [1, 2, 3]);
});

test("tags are replaced through the memory", async () => {
  const { id } = await db.createMemory({ value: "Vegetarian diet", tags: ["dietary"], namespace: newNamespace() });
  const memory = await db.getMemory(id);
  await memory!.saveTags(["preferences", "ui-settings", "active"]);
  assert.deepEqual(memory!.tags, ["preferences", "ui-settings", "active"]);
  assert.deepEqual((await db.getMemory(id))!.tags, memory!.tags);
  await memory!.remove();
  assert.equal(await db.getMemory(id), null);
});

test("a theme under a key of the caller's is found, refused twice, and deleted", async () => {
  const id = `${newNamespace()}_theme`;
  await db.createMemory({ id, value: { theme: "dark" } });
  await assert.rejects(db.createMemory({ id, value: { theme: "light" } }), DuplicateId);
  assert.deepEqual((await db.getMemory(id))!.value, { theme: "dark" });
  assert.deepEqual(await db.deleteMemory(id), { success: true, id });
});

test("facts are found in messages", async () => {
  const namespace = newNamespace();
  const { items } = await db.extractMemories([{ role: "user", content: "I love TypeScript." }], { namespace });
  assert.equal(items[0]?.memory.fact?.type, "preference");
});

test("a memory is found by what it means", async () => {
  const namespace = newNamespace();
  await db.createMemory({ value: "User is allergic to peanuts", namespace, tags: ["health"] });
  await db.createMemory({ value: "The office is in Lisbon", namespace });
  const [best] = await db.searchMemories("What food must be avoided?", { namespace, explain: true });
  assert.equal(best?.item.value, "User is allergic to peanuts");
  assert(best.signals.length > 0);
  const narrowed = await db.searchMemories("food", { namespace, tags: { $nin: ["health"] } });
  assert.deepEqual(narrowed.map((each) => each.item.value), ["The office is in Lisbon"]);
});
