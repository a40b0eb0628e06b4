// A callback that gives the wished answer, or the suggestions back where it is wished to last.

import { options, query, say, turn, wish } from "./client.mjs";

async function canUseTool(name, input, { suggestions, toolUseID }) {
  say({ type: "asked", name, input, suggestions, toolUseID });
  if (wish.behavior === "deny") return wish;
  return { updatedInput: input, ...wish, ...(wish.lasts && { updatedPermissions: suggestions }) };
}

await turn(query({ prompt: "Go.", options: { ...options, canUseTool } }));
