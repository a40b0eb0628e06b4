// A hook on the wished event that says the wished thing once.

import { options, query, say, turn, wish } from "./client.mjs";

const answers = [wish.says];

async function hook(input, toolUseID) {
  say({ type: "hooked", input, toolUseID });
  return answers.shift() ?? {};
}

const hooks = { [wish.event]: [{ hooks: [hook] }] };
await turn(query({ prompt: "Go.", options: { ...options, hooks, allowedTools: ["Bash"] } }));
