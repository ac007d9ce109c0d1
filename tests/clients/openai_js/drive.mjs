// OpenAI's client for JavaScript against a running server: five turns with tools, responses, streams, aborts.
// node drive.mjs http://127.0.0.1:1200 < /dev/null      prints JSON

import OpenAI from "openai";
import { zodResponseFormat } from "openai/helpers/zod";
import { z } from "zod";

const address = { baseURL: `${process.argv[2]}/v1`, apiKey: "any" };
const client = new OpenAI({ ...address, maxRetries: 0 });
const patient = new OpenAI(address);
const greedy = { model: "caller", temperature: 0 };
const question = { role: "user", content: "How is the weather?" };
const parameters = {
  type: "object",
  properties: { city: { type: "string" }, days: { type: "integer" } },
  required: ["city", "days"],
  additionalProperties: false,
};
const nested = { type: "function", function: { name: "weather", description: "Forecast", parameters } };
const flat = { type: "function", name: "weather", description: "Forecast", parameters, strict: true };
const told = {};

async function chat() {
  const messages = [];
  const seen = [];
  for (let turn = 0; turn < 5; turn++) {
    messages.push(question);
    const { message } = (await client.chat.completions.create({ ...greedy, messages, tools: [nested] })).choices[0];
    messages.push(message);
    for (const call of message.tool_calls) {
      seen.push([call.function.name, JSON.parse(call.function.arguments)]);
      messages.push({ role: "tool", tool_call_id: call.id, content: "7 degrees" });
    }
    const answer = await client.chat.completions.create({ ...greedy, messages, tools: [nested] });
    messages.push(answer.choices[0].message);
    seen.push(answer.choices[0].message.content);
  }
  return seen;
}

async function responses() {
  const first = await client.responses.create({ ...greedy, input: [question], tools: [flat] });
  const [call] = first.output;
  const output = { type: "function_call_output", call_id: call.call_id, output: "7 degrees" };
  const then = await client.responses.create({ ...greedy, input: [question, call, output], tools: [flat] });
  return [call.name, JSON.parse(call.arguments), then.output_text];
}

// More streams than there are places, each aborted after its first event: what is full for a moment is asked again, as
// the client does by itself.
async function aborted() {
  for (let place = 0; place < 24; place++) {
    const asked = { model: "tiny", stream: true };
    const stream = await (place % 2
      ? patient.responses.create({ ...asked, input: "x" })
      : patient.chat.completions.create({ ...asked, messages: [question] }));
    for await (const _event of stream) break;
    stream.controller.abort();
  }
  return (await patient.responses.create({ ...greedy, input: "x" })).output_text;
}

told.model = (await client.models.retrieve("caller")).id;
told.chat = await chat();
const runner = client.chat.completions.stream({ ...greedy, messages: [question], tools: [nested] });
told.streamed = (await runner.finalMessage()).tool_calls[0].function.arguments;
const run = client.chat.completions.runTools({
  ...greedy,
  messages: [question],
  tools: [{ ...nested, function: { ...nested.function, parse: JSON.parse, function: ({ city }) => `${city}: 7` } }],
});
told.run = await run.finalContent();
const format = zodResponseFormat(z.object({ city: z.string() }), "place");
const parsed = await client.chat.completions.parse({ ...greedy, messages: [question], response_format: format });
told.parsed = parsed.choices[0].message.parsed;
told.responses = await responses();
const stream = client.responses.stream({ ...greedy, input: [question], tools: [flat] });
told.events = [];
for await (const event of stream) if (!event.type.endsWith("delta")) told.events.push(event.type);
told.final = (await stream.finalResponse()).output[0].arguments;
told.aborted = await aborted();
told.refused = await client.responses.create({ ...greedy, input: "x", store: true }).catch((error) => error.param);
console.log(JSON.stringify(told));
