/** Keys, namespaces, erasure, the audit log, usage. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { Eunoe, InvalidRequest, NotFound, NotPermitted } from "../src/index.js";
import { address, connected, newNamespace } from "./server.js";

const db = connected();

test("a key works where it may, and is listed without its secret", async () => {
  const namespace = newNamespace();
  const expires = new Date(Date.now() + 86_400_000);
  const { apiKey: made, key } = await db.admin.createKey({ name: "reader", scopes: ["read"], namespace, expires });
  assert.deepEqual([made.name, made.scopes, made.namespace], ["reader", ["read"], namespace]);
  assert.equal(Date.parse(made.expires!), expires.getTime());
  assert.deepEqual([made.namespacePrefix, made.revoked], [undefined, undefined]);
  const reader = new Eunoe({ address, apiKey: key });
  assert.deepEqual((await reader.listMemories()).items, []);
  await assert.rejects(reader.createMemory({ value: "x" }), NotPermitted);
  await assert.rejects(reader.searchMemories("x", { namespace: `${namespace}-other` }), InvalidRequest);
  reader.close();
  assert.notEqual((await db.admin.revokeKey(made.id)).revoked, undefined);
  const ids = [];
  for await (const each of db.admin.listKeys({ limit: 2 })) ids.push(each.id);
  assert(ids.includes(made.id));
  await assert.rejects(db.admin.revokeKey("nowhere"), (error: NotFound) => error.reason === "API_KEY_NOT_FOUND");
});

test("a key of a prefix works in what begins so", async () => {
  const namespacePrefix = `${newNamespace()}/`;
  const { key } = await db.admin.createKey({ name: "tenant", scopes: ["read", "write"], namespacePrefix });
  const tenant = new Eunoe({ address, apiKey: key });
  await tenant.createMemory({ value: "x", namespace: `${namespacePrefix}ann` });
  await assert.rejects(tenant.createMemory({ value: "x", namespace: newNamespace() }), NotPermitted);
  tenant.close();
});

test("namespaces are counted, listed and erased", async () => {
  const prefix = newNamespace();
  const namespace = `${prefix}-a`;
  await db.createMemory({ value: "x", namespace });
  await db.createMemory({ value: "x", namespace: `${prefix}-b` });
  const dialogue = await db.createDialogue({ namespace, message: { role: "user", content: "Hello" } });
  const listed = [];
  for await (const each of db.admin.listNamespaces({ prefix, limit: 1 })) listed.push(each);
  assert.deepEqual(listed.map((each) => each.name).sort(), [namespace, `${prefix}-b`]);
  const { memoryCount, dialogueCount, messageCount } = listed.find((each) => each.name === namespace)!;
  assert.deepEqual([memoryCount, dialogueCount, messageCount], [1, 1, 1]);

  const tried = await db.admin.deleteNamespace(namespace, { dryRun: true });
  assert.deepEqual([tried.isDryRun, tried.counts["messages"]], [true, 1]);
  assert.notEqual(await db.getDialogue(dialogue.id, { namespace }), null);
  const receipt = await db.admin.deleteNamespace(namespace);
  assert.deepEqual([receipt.namespace, receipt.isDryRun, receipt.counts["memories"]], [namespace, false, 1]);
  assert.notEqual(receipt.erased, undefined);
  await assert.rejects(db.admin.deleteNamespace(namespace), NotFound);
});

test("a rotated key has a successor that may the same, and the audit log says so", async () => {
  const namespace = newNamespace();
  const { apiKey: old } = await db.admin.createKey({ name: "job", scopes: ["read"], namespace, monthlyCalls: 7 });
  const { apiKey: made, key } = await db.admin.rotateKey(old.id, { graceSeconds: 600 });
  assert.deepEqual([made.name, made.scopes, made.namespace, made.monthlyCalls], ["job", ["read"], namespace, 7]);
  const job = new Eunoe({ address, apiKey: key });
  assert.deepEqual((await job.listMemories()).items, []);
  job.close();
  const kinds = [];
  for await (const event of db.admin.listAuditEvents({ subjectId: old.id, limit: 1 })) {
    kinds.push(event.kind);
    assert.equal(event.subject, old.id);
    assert.notEqual(event.apiKeyId, undefined);
  }
  assert(kinds.includes("key_created"));
});

test("a namespace keeps what nobody uses for as long as is said", async () => {
  const namespace = newNamespace();
  await db.createMemory({ value: "x", namespace });
  assert.equal((await db.admin.updateNamespace(namespace, { retentionDays: 30 })).retentionDays, 30);
  assert.equal((await db.admin.listNamespaces({ prefix: namespace })).items[0]?.retentionDays, 30);
  assert.equal((await db.admin.updateNamespace(namespace, {})).retentionDays, undefined);
});

test("usage is counted by day and in all", async () => {
  const namespace = newNamespace();
  await db.createMemory({ value: "a", namespace });
  await db.searchMemories("a", { namespace });
  let used = await db.admin.usage({ namespace });
  for (let waited = 0; used.total.callCount < 2n && waited < 50; waited++) {
    await sleep(100); // the server writes its sums once a second
    used = await db.admin.usage({ namespace });
  }
  assert.deepEqual([used.total.writeCount, used.total.searchCount, used.total.callCount], [1, 1, 2n]);
  assert.equal(Object.values(used.days)[0]?.callCount, 2n);
});
