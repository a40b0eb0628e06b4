// A tool that lives in the client.

import { createSdkMcpServer, options, query, tool, turn, z } from "./client.mjs";

const add = tool("add", "Add two numbers.", { a: z.number(), b: z.number() }, async ({ a, b }) => ({
  content: [{ type: "text", text: `${a + b}` }],
}));
const desk = createSdkMcpServer({ name: "desk", tools: [add] });

await turn(query({ prompt: "Go.", options: { ...options, mcpServers: { desk }, allowedTools: ["mcp__desk__add"] } }));
