// Seed 003's example, over gRPC with our client.
import { randomUUID } from "node:crypto";
import { Eunoe } from "@eunoe/client";

const db = new Eunoe({ apiKey: process.env.EUNOE_API_KEY, address: process.env.EUNOE_GRPC_ADDRESS });
const sessionId = randomUUID();

// First message
const response1 = await db.chat.complete(
  [{ role: 'user', content: 'My name is Alice' }],
  { model: 'gpt-4', sessionId }
);
console.log(response1.text);

// Second message - AI remembers context
const response2 = await db.chat.complete(
  [{ role: 'user', content: "What's my name?" }],
  { model: 'gpt-4', sessionId }
);
console.log(response2.text);
db.close();
