// The `ai` package with one of its providers: "compatible", "openai" for its chats, or "responses"
// for what the OpenAI provider does by itself. See openai_package.py.

import { text } from "node:stream/consumers";

import { createOpenAI } from "@ai-sdk/openai";
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { generateObject, generateText, jsonSchema, stepCountIs, streamText, tool } from "ai";

globalThis.AI_SDK_LOG_WARNINGS = false;

const MODEL = "stand-in-1";
const QUESTION = "Which instrument does my sister Ada play?";

const providers = {
  compatible: ({ base_url: baseURL, api_key: apiKey }) =>
    createOpenAICompatible({ name: "eunoe", baseURL, apiKey, includeUsage: true })(MODEL),
  openai: ({ base_url: baseURL, api_key: apiKey }) => createOpenAI({ baseURL, apiKey }).chat(MODEL),
  responses: ({ base_url: baseURL, api_key: apiKey }) => createOpenAI({ baseURL, apiKey })(MODEL),
};

const weather = tool({
  description: "The weather in a city.",
  inputSchema: jsonSchema({
    type: "object",
    properties: { city: { type: "string" } },
    required: ["city"],
    additionalProperties: false,
  }),
  execute: async ({ city }) => `21 °C in ${city}`,
});

const player = jsonSchema({
  type: "object",
  properties: { name: { type: "string" }, instrument: { type: "string" } },
  required: ["name", "instrument"],
  additionalProperties: false,
});

const asking = (scenario) => ({ system: "Be brief.", prompt: `${scenario}: ${QUESTION}` });

const shown = ({ text, reasoningText, finishReason, usage, toolCalls }) => ({
  text,
  reasoningText,
  finishReason,
  usage,
  toolCalls,
});

async function parts(model, scenario, options) {
  const { fullStream } = streamText({ model, ...asking(scenario), onError: () => {}, ...options });
  const seen = [];
  for await (const part of fullStream) {
    if (part.type === "error") throw part.error;
    if (["text-delta", "reasoning-delta", "tool-call", "tool-result", "finish"].includes(part.type)) {
      seen.push({ type: part.type, text: part.text, input: part.input, output: part.output,
        finishReason: part.finishReason, usage: part.totalUsage });
    }
  }
  return seen;
}

const program = {
  create: async (model) => shown(await generateText({ model, ...asking("create") })),
  stream: (model) => parts(model, "stream"),
  tools: async (model) => {
    const tools = { weather };
    const done = await generateText({ model, ...asking("tools"), tools, stopWhen: stepCountIs(2) });
    return done.steps.map(shown);
  },
  "stream with tools": (model) => parts(model, "stream_tools", { tools: { weather } }),
  parse: async (model) =>
    (await generateObject({ model, schema: player, ...asking("parsed") })).object,
  "rate limited once": async (model) =>
    shown(await generateText({ model, ...asking("rate_limited_once") })),
  "bad request": (model) => generateText({ model, ...asking("bad_request") }),
  "stream that breaks": (model) => parts(model, "stream_breaks"),
};

async function run(target) {
  const model = providers[process.argv[2]](target);
  const outcomes = {};
  for (const [name, scenario] of Object.entries(program)) {
    try {
      outcomes[name] = await scenario(model);
    } catch (error) {
      const { name: raised, message, statusCode, responseBody } = error;
      outcomes[name] = { raised: raised ?? "Error", message, statusCode, responseBody };
    }
  }
  return outcomes;
}

const outcomes = [];
for (const target of JSON.parse(await text(process.stdin))) outcomes.push(await run(target));
process.stdout.write(JSON.stringify(outcomes));
