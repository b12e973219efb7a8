// LangChain's `ChatOpenAI` for JavaScript. See openai_package.py.

import { text } from "node:stream/consumers";

import { HumanMessage, SystemMessage, ToolMessage } from "@langchain/core/messages";
import { ChatOpenAI } from "@langchain/openai";

const MODEL = "stand-in-1";
const QUESTION = "Which instrument does my sister Ada play?";

const WEATHER = {
  type: "function",
  function: {
    name: "weather",
    description: "The weather in a city.",
    parameters: { type: "object", properties: { city: { type: "string" } }, required: ["city"] },
  },
};

const PLAYER = {
  title: "player",
  type: "object",
  properties: { name: { type: "string" }, instrument: { type: "string" } },
  required: ["name", "instrument"],
  additionalProperties: false,
};

const asking = (scenario) => [
  new SystemMessage("Be brief."),
  new HumanMessage(`${scenario}: ${QUESTION}`),
];

// Without the ids that LangChain makes up.
const shown = ({ content, tool_calls, additional_kwargs, response_metadata, usage_metadata }) => ({
  content,
  tool_calls,
  additional_kwargs,
  response_metadata,
  usage_metadata,
});

async function pieces(stream) {
  const seen = [];
  for await (const piece of stream) seen.push(shown(piece));
  return seen;
}

const program = {
  create: async ({ chats }) => shown(await chats.invoke(asking("create"))),
  stream: async ({ chats }) => pieces(await chats.stream(asking("stream"))),
  tools: async ({ chats }) => {
    const bound = chats.bindTools([WEATHER]);
    const messages = asking("tools");
    const called = await bound.invoke(messages);
    const results = called.tool_calls.map(
      (call) => new ToolMessage({ content: `21 °C in ${call.args.city}`, tool_call_id: call.id }),
    );
    const answered = await bound.invoke([...messages, called, ...results]);
    return [shown(called), shown(answered), await pieces(await bound.stream(asking("stream_tools")))];
  },
  parse: ({ chats }) =>
    chats.withStructuredOutput(PLAYER, { method: "jsonSchema" }).invoke(asking("parsed")),
  responses: async ({ responses }) => [
    shown(await responses.invoke(asking("create"))),
    await pieces(await responses.stream(asking("stream"))),
  ],
  "rate limited once": async ({ chats }) => shown(await chats.invoke(asking("rate_limited_once"))),
  "bad request": async ({ chats }) => shown(await chats.invoke(asking("bad_request"))),
};

async function run({ base_url: baseURL, api_key: apiKey }) {
  const options = { model: MODEL, apiKey, timeout: 20_000, configuration: { baseURL } };
  const models = {
    chats: new ChatOpenAI(options),
    responses: new ChatOpenAI({ ...options, useResponsesApi: true }),
  };
  const outcomes = {};
  for (const [name, scenario] of Object.entries(program)) {
    try {
      outcomes[name] = await scenario(models);
    } catch (error) {
      const { name: raised, status, code, type, message } = error;
      outcomes[name] = { raised: raised ?? "Error", status, code, type, message };
    }
  }
  return outcomes;
}

const outcomes = [];
for (const target of JSON.parse(await text(process.stdin))) outcomes.push(await run(target));
process.stdout.write(JSON.stringify(outcomes));
