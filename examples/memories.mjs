// Memories and a streamed chat with the TypeScript client, from plain JavaScript.
import { Eunoe } from "@eunoe/client";

const db = new Eunoe({
  apiKey: process.env.EUNOE_API_KEY,
  address: process.env.EUNOE_GRPC_ADDRESS ?? "127.0.0.1:50051",
});

await db.createMemory({
  value: "User is allergic to peanuts",
  namespace: "user_456",
  tags: ["health", "dietary"],
});
const { items } = await db.listMemories({ namespace: "user_456", limit: 50 });
console.log(`Found ${items.length} memories`);

const [best] = await db.searchMemories("What food must be avoided?", { namespace: "user_456" });
await best.item.saveTags(["health", "verified"]);
console.log(best.item.value, best.item.tags);

const answer = db.chat.stream("What must I not eat?", { namespace: "user_456" });
for await (const piece of answer) process.stdout.write(piece.text);
console.log();

db.close();
