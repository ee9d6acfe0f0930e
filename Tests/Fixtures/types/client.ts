// A client of the plugin typed.c. `events` is generated. It compiles only if every right call is accepted, and the line
// below each `@ts-expect-error` is refused: the compiler reports a directive that nothing needs.

import {
  ChatClientToServerEvents,
  ChatServerToClientEvents,
  ClientToServerEvents,
  JackfieldError,
  ServerToClientEvents,
  isError,
} from "./events";
import { Socket } from "./socket";

declare const socket: Socket<ServerToClientEvents, ClientToServerEvents>;
declare const chat: Socket<ChatServerToClientEvents, ChatClientToServerEvents>;

// Right: emits, with and without an ack.

socket.emit("scalars", true, -1, 2, 3, 4, 0.5, 0.25, (answer) => {
  const right: boolean | JackfieldError = answer;
  if (isError(answer)) console.log(answer.error.code, answer.error.message, right);
});
socket.emit("texts", "a", "/tmp/a", new Uint8Array(3), { any: ["value"] }, (answer: string | JackfieldError) => answer);
socket.emit("texts", "a", "/tmp/a", new ArrayBuffer(3), null, () => {});
socket.emit("lists", ["a", "b"], [[1, 2], []], [1, null], () => {});
socket.emit("records", { id: "p", at: { x: 1, y: 2 } }, { mode: "fast", further: [1] }, () => {});
socket.emit("records", { id: "p", at: { x: 1, y: 2 }, note: null }, { mode: "fast" }, () => {});
socket.emit("note", "a");
socket.emit("note", "a", true);
socket.emit("note", "a", null);
socket.emit("nudge");
socket.emit("remove", "p", (answer) => console.log(answer?.error.code));
socket.emit("untyped");
socket.emit("untyped", 1, "two", { three: 3 }, () => {});
socket.emit("add", 1, 2, (sum) => console.log(sum));
socket.emit("presence:watch", ["alice"], (answer) => {
  if (!isError(answer)) console.log(answer[0].user, answer[0].online, answer[0].connections + 1, answer[0].last_seen);
});
socket.emit("presence:unwatch", null, () => {});
socket.emit("auth:refresh", "token", () => {});
socket.timeout(1000).emit("add", 1, 2, (error: Error, sum) => console.log(error.message, sum));

// Right: promises.

export async function answers(): Promise<void> {
  const sum: number | JackfieldError = await socket.emitWithAck("add", 1, 2);
  if (!isError(sum)) console.log(sum.toFixed(2));
  const page = await socket.timeout(1000).emitWithAck("records", { id: "p", at: { x: 1, y: 2 } }, { mode: "fast" });
  if (!isError(page)) console.log(page.items.length, page.next?.length);
  const anything: string[] = await socket.emitWithAck("untyped", 1);
  const said = await chat.emitWithAck("say", "hello");
  console.log(anything, isError(said) ? said.error.message : said.id + 1);
}

// Right: listeners, also those that read fewer arguments.

socket.on("changed", (place, by) => console.log(place.id.length, place.note?.length, by.length));
socket.once("changed", (place: { id: string }) => console.log(place.id));
socket.on("ask", (question, ack) => ack(question.length > 3));
socket.on("presence:online", ({ user, at }) => console.log(user.length, at.length));
socket.on("auth:expiring", ({ expires_at }) => console.log(expires_at.length));
socket.on("connect", () => {});
socket.on("disconnect", (reason) => console.log(reason.length));
socket.off("changed");
chat.on("said", (message) => console.log(message.id + 1, message.text.length));
chat.on("presence:offline", ({ user }) => console.log(user.length));
chat.emit("say", "hello", () => {});
chat.emit("presence:watch", [], () => {});

// Wrong names.

// @ts-expect-error no event has this name
socket.emit("scalar", true, -1, 2, 3, 4, 0.5, 0.25, () => {});
// @ts-expect-error the server emits this event
socket.emit("changed", { id: "p" }, "alice");
// @ts-expect-error an observer adds no event
socket.emit("observed");
// @ts-expect-error the event is of another namespace
socket.emit("say", "hello", () => {});
// @ts-expect-error a handler for every name adds no name
chat.emit("anything");
// @ts-expect-error no event has this name
socket.on("change", () => {});
// @ts-expect-error the client emits this event
socket.on("note", () => {});
// @ts-expect-error the event is of another namespace
chat.on("changed", () => {});

// Wrong types of arguments.

// @ts-expect-error bool
socket.emit("scalars", 1, -1, 2, 3, 4, 0.5, 0.25, () => {});
// @ts-expect-error i32
socket.emit("scalars", true, "-1", 2, 3, 4, 0.5, 0.25, () => {});
// @ts-expect-error i64
socket.emit("scalars", true, -1, "2", 3, 4, 0.5, 0.25, () => {});
// @ts-expect-error u32
socket.emit("scalars", true, -1, 2, "3", 4, 0.5, 0.25, () => {});
// @ts-expect-error u64
socket.emit("scalars", true, -1, 2, 3, "4", 0.5, 0.25, () => {});
// @ts-expect-error f32
socket.emit("scalars", true, -1, 2, 3, 4, "0.5", 0.25, () => {});
// @ts-expect-error f64
socket.emit("scalars", true, -1, 2, 3, 4, 0.5, "0.25", () => {});
// @ts-expect-error string
socket.emit("texts", 1, "/tmp/a", new Uint8Array(3), 0, () => {});
// @ts-expect-error cstring
socket.emit("texts", "a", 1, new Uint8Array(3), 0, () => {});
// @ts-expect-error bytes
socket.emit("texts", "a", "/tmp/a", "bytes", 0, () => {});
// @ts-expect-error string[]
socket.emit("lists", "a", [], [], () => {});
// @ts-expect-error f64[][]
socket.emit("lists", [], [1], [], () => {});
// @ts-expect-error i32?[]
socket.emit("lists", [], [], ["1"], () => {});
// @ts-expect-error the element of string[] is not optional
socket.emit("lists", [null], [], [], () => {});
// @ts-expect-error a field within a record
socket.emit("records", { id: "p", at: { x: "1", y: 2 } }, { mode: "fast" }, () => {});
// @ts-expect-error a closed record has no further members
socket.emit("records", { id: "p", at: { x: 1, y: 2 }, further: 1 }, { mode: "fast" }, () => {});
// @ts-expect-error bool?
socket.emit("note", "a", 1);
// @ts-expect-error the argument of a C function
socket.emit("add", "1", 2, () => {});
// @ts-expect-error the argument of an event of the host
socket.emit("presence:watch", "alice", () => {});

// Missing and additional arguments.

// @ts-expect-error the last argument is missing
socket.emit("scalars", true, -1, 2, 3, 4, 0.5, () => {});
// @ts-expect-error the only required argument is missing
socket.emit("note");
// @ts-expect-error a field is missing
socket.emit("records", { id: "p", at: { x: 1 } }, { mode: "fast" }, () => {});
// @ts-expect-error a field of an open record is missing
socket.emit("records", { id: "p", at: { x: 1, y: 2 } }, { further: 1 }, () => {});
// @ts-expect-error the ack is missing
socket.emit("add", 1, 2);
// @ts-expect-error one argument is too many
socket.emit("note", "a", true, 1);
// @ts-expect-error there is no argument
socket.emit("nudge", 1);

// Wrong acks.

// @ts-expect-error the answer is a number
socket.emit("add", 1, 2, (sum: string) => sum);
// @ts-expect-error the answer may be an error
socket.emit("add", 1, 2, (sum: number) => sum);
// @ts-expect-error the answer is a list
socket.emit("lists", [], [], [], (answer: number | JackfieldError) => answer);
// @ts-expect-error the error of a timeout comes first
socket.timeout(1000).emit("add", 1, 2, (sum: number | JackfieldError) => sum);
// @ts-expect-error the event is not answered
socket.emitWithAck("note", "a");
// @ts-expect-error the promise makes the ack itself
socket.emitWithAck("add", 1, 2, () => {});
// @ts-expect-error an argument is missing
socket.emitWithAck("add", 1);

export async function wrongAnswers(): Promise<void> {
  // @ts-expect-error the answer is a number
  const sum: string | JackfieldError = await socket.emitWithAck("add", 1, 2);
  // @ts-expect-error the answer may be an error
  (await socket.emitWithAck("records", { id: "p", at: { x: 1, y: 2 } }, { mode: "fast" })).items;
  console.log(sum);
}

// Wrong listeners.

// @ts-expect-error the argument is a record
socket.on("changed", (place: string) => place);
// @ts-expect-error the record has no such field
socket.on("changed", (place) => place.name);
// @ts-expect-error the field is optional
socket.on("changed", (place) => place.note.length);
// @ts-expect-error there are two arguments
socket.on("changed", (place: unknown, by: unknown, third: unknown) => console.log(place, by, third));
// @ts-expect-error the server expects a boolean
socket.on("ask", (question, ack) => ack(question));
// @ts-expect-error the argument of an event of the host
socket.on("presence:online", (change: { user: number }) => change);
// @ts-expect-error a number
chat.on("said", (message) => message.id.length);
