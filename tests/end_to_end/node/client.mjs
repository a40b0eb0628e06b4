// What every case stands on: the SDK out of a directory that the test names, and lines of JSON for the test to compare.

import { pathToFileURL } from "node:url";

const modules = process.env.NODE_SDK_MODULES;
const load = (file) => import(pathToFileURL(`${modules}/${file}`).href);

export const { createSdkMcpServer, query, tool } = await load("@anthropic-ai/claude-agent-sdk/sdk.mjs");
export const { z } = await load("zod/index.js");

export const options = {
  pathToClaudeCodeExecutable: process.env.NODE_SDK_PROGRAM,
  model: "claude-sonnet-5-5",
  cwd: process.cwd(),
};

// What the test wants of this case beside its name.
export const wish = JSON.parse(process.argv[2] ?? "{}");

export function say(line) {
  process.stdout.write(`${JSON.stringify(line)}\n`);
}

// Say every message up to the end of a turn, and give that one back.
export async function turn(messages) {
  for (;;) {
    const { value, done } = await messages.next();
    if (done) return undefined;
    say(value);
    if (value.type === "result") return value;
  }
}

// A conversation to which prompts can be added until it is closed.
export class Prompts {
  waiting = [];
  wake = () => {};
  closed = false;

  add(text) {
    this.waiting.push({ type: "user", message: { role: "user", content: text }, parent_tool_use_id: null });
    this.wake();
  }

  close() {
    this.closed = true;
    this.wake();
  }

  async *[Symbol.asyncIterator]() {
    for (;;) {
      while (this.waiting.length) yield this.waiting.shift();
      if (this.closed) return;
      await new Promise((resolve) => (this.wake = resolve));
    }
  }
}
