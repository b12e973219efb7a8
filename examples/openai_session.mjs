// The OpenAI client for Node with a session: the server holds the history.
import { randomUUID } from "node:crypto";
import OpenAI from "openai";

const client = new OpenAI({
  apiKey: process.env.EUNOE_API_KEY,
  baseURL: (process.env.EUNOE_HTTP_URL ?? "http://127.0.0.1:8080") + "/api/publicLLM",
  defaultHeaders: { sessionId: randomUUID() },
});

for (const content of ["My name is Alice", "What's my name?"]) {
  const response = await client.chat.completions.create({
    model: "gpt-4",
    messages: [{ role: "user", content }],
  });
  console.log(response.choices[0].message.content);
}
