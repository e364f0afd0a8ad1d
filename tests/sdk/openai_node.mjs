// The real `openai` Node package against a running Farebox, whose provider is the simulated one.
//
// Environment: OPENAI_BASE_URL, OPENAI_API_KEY (a key with money), FAREBOX_SPENT_KEY (a key whose
// budget is spent). Prints one `ok NAME` line a check; the first failure ends it with status 1.

import assert from "node:assert/strict";
import OpenAI from "openai";

const model = "gpt-4o-mini";
const messages = [{ role: "user", content: "Count the fares." }];

let attempts = 0;
const counted = (url, options) => {
  attempts += 1;
  return fetch(url, options);
};
const client = (apiKey) => new OpenAI({ apiKey, fetch: counted });
const all = async (stream) => {
  const list = [];
  for await (const entry of stream) list.push(entry);
  return list;
};
const text = (chunks) => chunks.map((c) => c.choices[0]?.delta.content ?? "").join("");
const answerOf = async (api) =>
  (await api.chat.completions.create({ model, messages })).choices[0].message.content;

async function chat(api) {
  const answer = await api.chat.completions.create({ model, messages });
  assert.ok(answer.choices[0].message.content);
  const { prompt_tokens, completion_tokens, total_tokens } = answer.usage;
  assert.equal(total_tokens, prompt_tokens + completion_tokens);
}

async function streamWithUsage(api) {
  const options = { include_usage: true };
  const chunks = await all(
    await api.chat.completions.create({ model, messages, stream: true, stream_options: options }),
  );
  assert.deepEqual(chunks.at(-1).choices, []);
  assert.ok(chunks.at(-1).usage.total_tokens > 0);
  assert.ok(chunks.every((chunk) => "usage" in chunk));
  assert.equal(text(chunks), await answerOf(api));
}

async function streamWithoutUsage(api) {
  const chunks = await all(await api.chat.completions.create({ model, messages, stream: true }));
  assert.ok(chunks.every((chunk) => !("usage" in chunk) && chunk.choices.length > 0));
  assert.equal(text(chunks), await answerOf(api));
}

async function responsesStream(api) {
  const events = await all(
    await api.responses.create({ model, input: "Count the fares.", stream: true }),
  );
  const deltas = events.filter((e) => e.type === "response.output_text.delta").map((e) => e.delta);
  const last = events.at(-1);
  assert.equal(last.type, "response.completed");
  assert.ok(last.response.usage.total_tokens > 0);
  assert.equal(deltas.join(""), last.response.output[0].content[0].text);
}

async function embeddings(api) {
  const input = ["tram", "bus"];
  const answer = await api.embeddings.create({ model: "text-embedding-3-small", input });
  assert.deepEqual(answer.data.map((e) => e.embedding.length), [16, 16]);
  assert.ok(answer.usage.total_tokens > 0);
}

async function overBudget() {
  const spent = client(process.env.FAREBOX_SPENT_KEY);
  const calls = [
    () => chat(spent),
    () => streamWithoutUsage(spent),
    () => responsesStream(spent),
    () => embeddings(spent),
  ];
  for (const call of calls) {
    attempts = 0;
    await assert.rejects(call, (refusal) => {
      assert.ok(refusal instanceof OpenAI.RateLimitError, String(refusal));
      assert.equal(refusal.code, "insufficient_quota");
      return true;
    });
    assert.equal(attempts, 1);
  }
}

const api = client(process.env.OPENAI_API_KEY);
for (const check of [
  chat,
  streamWithUsage,
  streamWithoutUsage,
  responsesStream,
  embeddings,
  ...(process.env.FAREBOX_SPENT_KEY ? [overBudget] : []),
]) {
  try {
    await check(api);
  } catch (why) {
    console.error(`failed node.${check.name}: ${why.stack ?? why}`);
    process.exit(1);
  }
  console.log(`ok node.${check.name}`);
}
