// Vercel's AI SDK against a running server, by its provider for OpenAI (responses, chats) and for what is like it.
// node drive.mjs http://127.0.0.1:1200 < /dev/null      prints JSON

import { createOpenAI } from "@ai-sdk/openai";
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { generateText, Output, stepCountIs, streamText, tool } from "ai";
import { z } from "zod";

const baseURL = `${process.argv[2]}/v1`;
const openai = createOpenAI({ baseURL, apiKey: "any" });
const compatible = createOpenAICompatible({ name: "daylight", baseURL, supportsStructuredOutputs: true });
const prompt = "How is the weather?";
const weather = tool({
  description: "Forecast",
  inputSchema: z.object({ city: z.string(), days: z.int() }),
  execute: async ({ city, days }) => `${city}: 7 degrees for ${days} days`,
});

async function capabilities(model) {
  const asked = { model, prompt, temperature: 0, maxRetries: 0 };
  const { text, steps } = await generateText({ ...asked, tools: { weather }, stopWhen: stepCountIs(3) });
  const stream = streamText({ ...asked, tools: { weather }, stopWhen: stepCountIs(3) });
  const kinds = new Set();
  for await (const part of stream.fullStream) kinds.add(part.type);
  const forced = await generateText({ ...asked, tools: { weather }, toolChoice: "required" });
  const typed = await generateText({ ...asked, output: Output.object({ schema: z.object({ city: z.string() }) }) });
  return {
    text,
    calls: steps.flatMap((step) => step.toolCalls.map((call) => [call.toolName, call.input])),
    reasons: steps.map((step) => step.finishReason),
    streamed: await stream.text,
    kinds: [...kinds].filter((kind) => /^tool|^text|error/.test(kind)).sort(),
    forced: forced.toolCalls.map((call) => call.input),
    typed: typed.output,
  };
}

const told = {};
for (const [name, model] of Object.entries({
  responses: openai("caller"),
  chat: openai.chat("caller"),
  compatible: compatible("caller"),
})) {
  told[name] = await capabilities(model);
}
console.log(JSON.stringify(told));
