// One prompt, with whatever options the test wishes.

import { options, query, turn, wish } from "./client.mjs";

await turn(query({ prompt: "Go.", options: { ...options, ...wish } }));
