/** Bad use ends in an error of ours whose message says what to do. */
import assert from "node:assert/strict";
import { createServer } from "node:net";
import { test } from "node:test";
import {
  ClientClosed,
  DeadlineExceeded,
  DuplicateId,
  Eunoe,
  InvalidRequest,
  NotAuthenticated,
  NotJson,
  ServerNotReached,
} from "../src/index.js";
import { BY_REASON } from "../src/errors.js";
import { ErrorReasonSchema } from "../src/gen/eunoe/v1/error_reason_pb.js";
import { parse, stringify } from "../src/json.js";
import { address, apiKey, connected, lossyAddress, newNamespace } from "./server.js";

const db = connected();

test("every reason has its error", () => {
  const reasons = ErrorReasonSchema.values.map((value) => value.name.replace("ERROR_REASON_", ""));
  assert.deepEqual([...Object.keys(BY_REASON), "UNSPECIFIED"].sort(), reasons.sort());
});

test("values stay what they are", async () => {
  const value = { z: 2n ** 70n, a: [0.1, null, true, "ü\u0000", "9".repeat(30)], n: -(2n ** 60n) };
  const { id } = await db.createMemory({ value, namespace: newNamespace() });
  assert.deepEqual((await db.getMemory(id))!.value, value);
  assert.deepEqual(parse(stringify(value)), value);
});

test("what JSON cannot hold is refused before anything is sent", () => {
  const knot: Record<string, unknown> = {};
  knot["self"] = knot;
  for (const value of [NaN, [Infinity], undefined, { f: () => 1 }, new Map(), { a: new Set() }, knot, Symbol("x")]) {
    assert.throws(() => stringify(value), NotJson);
  }
});

test("a wrong address says where to look", async () => {
  const nowhere = new Eunoe({ apiKey, address: "127.0.0.1:1" });
  await assert.rejects(nowhere.getMemory("any"), (error: Error) => {
    assert(error instanceof ServerNotReached);
    assert.match(error.message, /127\.0\.0\.1:1 .*EUNOE_GRPC_ADDRESS/);
    return true;
  });
  assert.throws(() => new Eunoe({ apiKey, address: "http://127.0.0.1:8080" }), /host:port/);
});

test("a wrong key is named as such", async () => {
  const stranger = new Eunoe({ apiKey: "not-the-key-of-anyone", address });
  await assert.rejects(stranger.getMemory("any"), NotAuthenticated);
  stranger.close();
  assert.throws(() => new Eunoe({ apiKey: "" }), /eunoe keys create/);
});

test("a silent server ends in a deadline, and closing ends what is under way", async () => {
  const silent = createServer((socket) => socket.on("error", () => undefined)).listen(0, "127.0.0.1");
  await new Promise((resolve) => silent.once("listening", resolve));
  const { port } = silent.address() as { port: number };
  const client = new Eunoe({ apiKey, address: `127.0.0.1:${port}`, timeoutMs: 200 });
  await assert.rejects(client.getMemory("any"), DeadlineExceeded);
  const call = client.chat.complete("Hello");
  client.close();
  await assert.rejects(call, ClientClosed);
  await assert.rejects(client.getMemory("any"), ClientClosed);
  silent.close();
});

test("a refused field is named", async () => {
  await assert.rejects(db.searchMemories("x", { timezone: "Atlantis/Capital" }), (error: Error) => {
    assert(error instanceof InvalidRequest);
    assert.deepEqual(error.fields.map((each) => each.field), ["timezone"]);
    assert.notEqual(error.requestId, "");
    return true;
  });
});

test("a write whose answer was lost is done once", async () => {
  const namespace = newNamespace();
  const lossy = connected(lossyAddress);
  const memory = await lossy.createMemory({ value: { a: 1 }, tags: ["t", "t"], namespace });
  assert.deepEqual((await db.listMemories({ namespace })).items.map((each) => each.id), [memory.id]);
  assert.equal((await lossy.createMemories([{ value: 1 }, { value: 2 }], { namespace })).length, 2);
  await lossy.deleteMemory(memory.id);
  const dialogue = await lossy.createDialogue({ namespace, message: { role: "user", content: "x" }, state: { a: 1 } });
  const saved = await dialogue.saveMessage({ role: "user", content: "y" });
  assert.deepEqual((await dialogue.loadMessages()).items.map((each) => each.content), ["x", "y"]);
  dialogue.setState({ b: 2 });
  await dialogue.saveState({ onlyIfUnchanged: true });
  await dialogue.deleteMessage(saved.id);
  await lossy.deleteDialogue(dialogue.id, { namespace });
  assert.equal((await db.listMemories({ namespace })).items.length, 2);
  await db.createMemory({ id: `${namespace}-id`, value: 1 });
  await assert.rejects(lossy.createMemory({ id: `${namespace}-id`, value: 2 }), DuplicateId);
  const answer = await lossy.chat.complete("Hello", { namespace });
  const chat = await db.getDialogue(answer.memory!.chatId, { namespace });
  assert.equal(chat!.totalMessages, 2);
});
