/** Instants: ISO 8601 in UTC, to the microsecond, as the HTTP API shows them. */
import { timestampFromDate, type Timestamp } from "@bufbuild/protobuf/wkt";
import { InvalidRequest } from "./errors.js";

/** A `Date`, or an instant in ISO 8601. */
export type Moment = Date | string;

/** As it was received. */
export function toIso(sent: Timestamp | undefined): string | undefined {
  if (sent === undefined) return undefined;
  const seconds = new Date(Number(sent.seconds) * 1000).toISOString().slice(0, 19);
  const micros = String(Math.floor(sent.nanos / 1000)).padStart(6, "0");
  return `${seconds}.${micros}Z`;
}

/** As it is sent. Throws InvalidRequest. */
export function fromMoment(moment: Moment | undefined, name: string): Timestamp | undefined {
  if (moment === undefined) return undefined;
  if (typeof moment === "string" && !/^\d{4}-\d\d-\d\d(T.*(Z|[+-]\d\d:?\d\d))?$/.test(moment)) {
    throw new InvalidRequest(`${name} is no instant with a time zone: ${moment}`);
  }
  const date = new Date(moment);
  if (Number.isNaN(date.getTime())) throw new InvalidRequest(`${name} is no instant: ${String(moment)}`);
  const sent = timestampFromDate(date);
  const fraction = typeof moment === "string" ? /\.(\d+)/.exec(moment)?.[1] : undefined;
  if (fraction !== undefined) sent.nanos = Number(fraction.slice(0, 9).padEnd(9, "0"));
  return sent;
}
