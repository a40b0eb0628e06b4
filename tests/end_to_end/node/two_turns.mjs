// Two turns of one conversation; between them the wished mode and model.

import { options, Prompts, query, say, turn, wish } from "./client.mjs";

const prompts = new Prompts();
const session = query({ prompt: prompts, options });
prompts.add("One?");
await turn(session);
if (wish.model) await session.setModel(wish.model);
if (wish.mode) await session.setPermissionMode(wish.mode);
prompts.add("Two?");
await turn(session);
say({ type: "told", servers: await session.mcpServerStatus(), models: (await session.supportedModels()).length > 0 });
prompts.close();
await turn(session);
