/**
 * Ids in the order of their making (UUID version 7). The client gives new things their ids itself: a
 * create whose answer was lost can then be repeated without making a second one.
 */
import { randomBytes } from "node:crypto";

/** A new id. */
export function uuid7(): string {
  const bytes = randomBytes(16);
  bytes.writeUIntBE(Date.now(), 0, 6);
  bytes[6] = (bytes[6]! & 0x0f) | 0x70;
  bytes[8] = (bytes[8]! & 0x3f) | 0x80;
  return bytes.toString("hex").replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}
