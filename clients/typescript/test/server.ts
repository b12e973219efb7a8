/** Where the tests find a real server: told by whoever starts them (tests/client/test_typescript.py). */
import { randomUUID } from "node:crypto";
import { after } from "node:test";
import { Eunoe } from "../src/index.js";

export const apiKey = told("EUNOE_API_KEY");
export const address = told("EUNOE_GRPC_ADDRESS");
/** A proxy that loses the answer to the first call of each method. */
export const lossyAddress = told("EUNOE_LOSSY_ADDRESS");

/** A client that is closed when the file's tests are over. */
export function connected(to = address): Eunoe {
  const db = new Eunoe({ apiKey, address: to });
  after(() => db.close());
  return db;
}

/** A namespace nobody else uses. */
export function newNamespace(): string {
  return `ns-${randomUUID().slice(0, 12)}`;
}

function told(name: string): string {
  const value = process.env[name];
  if (value === undefined) throw new Error(`${name} is not set`);
  return value;
}
