/**
 * JSON values as plain JavaScript, and back, without changing any: an integer that no `number` holds
 * is a `bigint`, both ways. What JSON cannot hold is refused; `JSON.stringify` would drop it or make
 * it `null` without a word.
 */
import { randomUUID } from "node:crypto";
import { NotJson } from "./errors.js";

export type JsonValue =
  | null
  | boolean
  | number
  | bigint
  | string
  | readonly JsonValue[]
  | { readonly [key: string]: JsonValue | undefined };

const STRING_OR_NUMBER = /"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g;
const INTEGER = /^-?\d+$/;

/** The value of a document; undefined for none. */
export function parse(document: string): any {
  if (document === "") return undefined;
  const mark = randomUUID();
  let isMarked = false;
  const marked = document.replace(STRING_OR_NUMBER, (token) => {
    if (!INTEGER.test(token) || Number.isSafeInteger(Number(token))) return token;
    isMarked = true;
    return `"${mark}${token}"`;
  });
  if (!isMarked) return JSON.parse(document);
  return JSON.parse(marked, (_key, value: unknown) =>
    typeof value === "string" && value.startsWith(mark) ? BigInt(value.slice(mark.length)) : value,
  );
}

/** One document. `name` is what the value is called in the error. Throws NotJson. */
export function stringify(value: unknown, name = "value"): string {
  const mark = randomUUID();
  let isMarked = false;
  let document: string | undefined;
  try {
    document = JSON.stringify(value, (key, item: unknown) => {
      const place = key === "" ? name : `${name}.${key}`;
      switch (typeof item) {
        case "bigint":
          isMarked = true;
          return mark + item.toString();
        case "number":
          if (!Number.isFinite(item)) throw new NotJson(`${place} is ${item}, which is no number in JSON.`);
          return item;
        case "function":
        case "symbol":
          throw new NotJson(`${place} is a ${typeof item}, which JSON does not have.`);
        case "object":
          if (!isPlain(item)) throw new NotJson(`${place} is a ${item?.constructor.name}, not a plain object.`);
      }
      return item;
    });
  } catch (error) {
    // What contains itself is a TypeError of JSON.stringify's.
    throw error instanceof NotJson ? error : new NotJson(`${name}: ${String(error)}`, { cause: error });
  }
  if (document === undefined) throw new NotJson(`${name} is undefined. Use null.`);
  return isMarked ? document.replace(new RegExp(`"${mark}(-?\\d+)"`, "g"), "$1") : document;
}

/** The document of an object that may be left out. */
export function optional(value: unknown, name: string): string {
  return value === undefined || value === null ? "" : stringify(value, name);
}

function isPlain(item: object | null): boolean {
  if (item === null || Array.isArray(item)) return true;
  const prototype: unknown = Object.getPrototypeOf(item);
  return prototype === Object.prototype || prototype === null;
}
