// Break off at the first message of the wished kind, then go on.

import { options, Prompts, query, say, turn, wish } from "./client.mjs";

const prompts = new Prompts();
const session = query({ prompt: prompts, options: { ...options, includePartialMessages: true, allowedTools: ["Bash"] } });
prompts.add("One?");
for (;;) {
  const { value } = await session.next();
  const { type, subtype, event } = value;
  if (type === wish.type && (wish.subtype ?? subtype) === subtype && (wish.event ?? event?.type) === event?.type) break;
}
say({ type: "receipt", answer: await session.interrupt() });
await turn(session);
prompts.add("Two?");
await turn(session);
prompts.close();
await turn(session);
