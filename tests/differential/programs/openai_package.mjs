// The `openai` package for Node. The argument is the folder's name for the version to run.
// See openai_package.py.

import { text } from "node:stream/consumers";

const { default: OpenAI } = await import(process.argv[2]);

const MODEL = "stand-in-1";
const QUESTION = "Which instrument does my sister Ada play?";
const PARAMETERS = {
  type: "object",
  properties: { city: { type: "string" } },
  required: ["city"],
  additionalProperties: false,
};
const WEATHER = {
  type: "function",
  function: { name: "weather", strict: true, parameters: PARAMETERS },
};
const PLAYER = {
  type: "json_schema",
  json_schema: {
    name: "player",
    strict: true,
    schema: {
      type: "object",
      properties: { name: { type: "string" }, instrument: { type: "string" } },
      required: ["name", "instrument"],
      additionalProperties: false,
    },
  },
};

const asking = (scenario) => [{ role: "user", content: `${scenario}: ${QUESTION}` }];

async function all(stream) {
  const items = [];
  for await (const item of stream) items.push(item);
  return items;
}

const failing = (scenario, options) => (client) =>
  client.chat.completions.create({ model: MODEL, messages: asking(scenario) }, options);

const program = {
  create: (client) =>
    client.chat.completions.create({
      model: MODEL,
      messages: asking("create"),
      seed: 7,
      user: "user-1",
      metadata: { trace: "t-1" },
      x_unknown: { z: 1, a: [1.5, null] },
    }),
  peculiar: (client) =>
    client.chat.completions.create({
      model: MODEL,
      messages: [
        {
          role: "user",
          content: [
            { type: "text", text: `peculiar: ${QUESTION}` },
            { type: "image_url", image_url: { url: "data:image/png;base64,iVBORw0KGgo=" } },
          ],
        },
      ],
      logprobs: true,
    }),
  stream: async (client) =>
    all(
      await client.chat.completions.create({
        model: MODEL,
        messages: asking("stream"),
        stream: true,
        stream_options: { include_usage: true },
      }),
    ),
  helper: async (client) => {
    const stream = client.chat.completions.stream({ model: MODEL, messages: asking("stream") });
    return [await all(stream), await stream.finalChatCompletion()];
  },
  "helper with tools": async (client) => {
    const messages = asking("stream_tools");
    const stream = client.chat.completions.stream({ model: MODEL, messages, tools: [WEATHER] });
    return stream.finalChatCompletion();
  },
  parse: (client) =>
    client.chat.completions.parse({
      model: MODEL,
      messages: asking("parsed"),
      response_format: PLAYER,
    }),
  "parse what was cut": (client) =>
    client.chat.completions.parse({
      model: MODEL,
      messages: asking("cut"),
      response_format: { ...PLAYER, $brand: "auto-parseable-response-format", $parseRaw: JSON.parse },
    }),
  raw: async (client) => {
    const { data, response } = await client.chat.completions
      .create({ model: MODEL, messages: asking("raw") })
      .withResponse();
    return [data, response.status, response.headers.get("openai-version")];
  },
  "streaming response": async (client) => {
    const response = await client.chat.completions
      .create({ model: MODEL, messages: asking("lines"), stream: true })
      .asResponse();
    return [response.headers.get("content-type"), await response.text()];
  },
  tools: async (client) => {
    const messages = asking("tools");
    const first = await client.chat.completions.create({ model: MODEL, messages, tools: [WEATHER] });
    const said = first.choices[0].message;
    const results = said.tool_calls.map((call) => ({
      role: "tool",
      tool_call_id: call.id,
      content: "21 °C",
    }));
    const second = await client.chat.completions.create({
      model: MODEL,
      messages: [...messages, said, ...results],
      tools: [WEATHER],
    });
    return [first, second];
  },
  several: async (client) => {
    const asked = { model: MODEL, messages: asking("several"), n: 2 };
    const whole = await client.chat.completions.create(asked);
    return [whole, await all(await client.chat.completions.create({ ...asked, stream: true }))];
  },
  "stream that breaks": async (client) =>
    all(
      await client.chat.completions.create({
        model: MODEL,
        messages: asking("stream_breaks"),
        stream: true,
      }),
    ),
  responses: async (client) => {
    const whole = await client.responses.create({ model: MODEL, input: asking("create") });
    const asked = { model: MODEL, input: asking("stream"), stream: true };
    const stream = client.responses.stream({ model: MODEL, input: asking("stream") });
    const final = await stream.finalResponse();
    return [whole, await all(await client.responses.create(asked)), final];
  },
  embeddings: (client) => client.embeddings.create({ model: MODEL, input: ["a", "b"] }),
  models: async (client) => [await all(client.models.list()), await client.models.retrieve(MODEL)],
  "bad request": failing("bad_request"),
  "no such model": failing("no_such_model"),
  unprocessable: failing("unprocessable"),
  conflict: failing("conflict"),
  "rate limited": failing("rate_limited"),
  "rate limited once": failing("rate_limited_once"),
  broken: failing("broken"),
  silent: failing("silent", { timeout: 400, maxRetries: 1 }),
};

function raised(error) {
  const { status, code, param, type, message, error: body } = error;
  return { raised: error.constructor.name, status, code, param, type, message, body };
}

async function run({ base_url: baseURL, api_key: apiKey }) {
  const client = new OpenAI({ baseURL, apiKey, timeout: 20_000 });
  const outcomes = {};
  for (const [name, scenario] of Object.entries(program)) {
    try {
      outcomes[name] = await scenario(client);
    } catch (error) {
      outcomes[name] = raised(error);
    }
  }
  return outcomes;
}

const outcomes = [];
for (const target of JSON.parse(await text(process.stdin))) outcomes.push(await run(target));
process.stdout.write(JSON.stringify(outcomes));
