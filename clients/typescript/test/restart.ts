/**
 * A thousand calls, by eight at once; says "half" when half of them are through. The one who started
 * this program restarts the server then. Prints at the end what is stored, as JSON.
 */
import { Eunoe } from "../src/index.js";

const [address, apiKey, namespace] = process.argv.slice(2) as [string, string, string];
const db = new Eunoe({ address, apiKey, timeoutMs: 60_000 });
const written = [await db.createMemory({ value: "the first", namespace })];
let next = 0;

await Promise.all(
  Array.from({ length: 8 }, async () => {
    while (next < 1_000) {
      const number = next++;
      if (number % 2) await db.getMemory(written.at(-1)!.id);
      else written.push(await db.createMemory({ value: number, namespace }));
      if (number === 500) console.log("half");
    }
  }),
);
const stored = [];
for await (const memory of db.listMemories({ namespace, limit: 200 })) stored.push(memory.value);
console.log(JSON.stringify({ written: written.length, stored }));
db.close();
