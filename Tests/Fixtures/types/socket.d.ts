// A client socket of Socket.IO with typed events, as the documentation of the official client describes it: what tests
// of generated types need. It is written from that description.
//
// Two interfaces describe the events: those that the client listens to, and those that it emits. A member is a function
// whose parameters are the arguments of the event. If the last parameter is a function, the receiver calls it to answer.

type AnyFunction = (...args: any[]) => any;

interface AnyEvents {
  [event: string]: AnyFunction;
}

/** Makes a socket without types of its events; a variable with such types accepts it. */
export declare function io(address: string, options?: { auth?: object }): Socket<AnyEvents, AnyEvents>;

/** What an interface of events is assignable to. */
export interface EventsMap {
  [event: string]: any;
}

interface ReservedEvents {
  connect: () => void;
  connect_error: (error: Error) => void;
  disconnect: (reason: string, description?: unknown) => void;
}

type EventName<Events extends EventsMap> = keyof Events & string;
type Arguments<Events extends EventsMap, Name extends EventName<Events>> = Parameters<Events[Name]>;

/** The last parameter: `any` of a list of any length, `never` of an empty one. */
type LastParameter<List extends any[]> = number extends List["length"]
  ? any
  : List extends [...any[], infer Last]
  ? Last
  : never;

type WithoutLast<List extends any[]> = number extends List["length"]
  ? any[]
  : List extends [...infer Others, any]
  ? Others
  : never;

/** What the receiver answers: the first argument of the callback that is not the error of a timeout. */
type Answer<Callback> = 0 extends 1 & Callback
  ? any
  : Callback extends (...args: infer List) => any
  ? List[0] extends Error
    ? List[1]
    : List[0]
  : never;

/** The names of the events whose last parameter is a callback, or may be one. */
type AnsweredEventName<Events extends EventsMap> = {
  [Name in EventName<Events>]: [LastParameter<Arguments<Events, Name>>] extends [never]
    ? never
    : LastParameter<Arguments<Events, Name>> extends AnyFunction
    ? Name
    : never;
}[EventName<Events>];

/** The same events, whose callbacks get the error of a timeout first. */
type WithTimeout<Events extends EventsMap> = {
  [Name in keyof Events]: Events[Name] extends (...args: infer List) => infer Result
    ? (...args: WithTimedCallback<List>) => Result
    : Events[Name];
};

type WithTimedCallback<List extends any[]> = List extends [...infer Others, (...args: infer Answers) => infer Result]
  ? [...Others, (error: Error, ...args: Answers) => Result]
  : List;

type Listener<Events extends EventsMap, Name extends string> = Name extends keyof ReservedEvents
  ? ReservedEvents[Name]
  : Name extends EventName<Events>
  ? (...args: Arguments<Events, Name>) => void
  : never;

export declare class Socket<ListenEvents extends EventsMap, EmitEvents extends EventsMap = ListenEvents> {
  readonly id?: string;
  readonly connected: boolean;

  on<Name extends EventName<ListenEvents> | keyof ReservedEvents>(
    name: Name,
    listener: Listener<ListenEvents, Name>,
  ): this;
  once<Name extends EventName<ListenEvents> | keyof ReservedEvents>(
    name: Name,
    listener: Listener<ListenEvents, Name>,
  ): this;
  off<Name extends EventName<ListenEvents> | keyof ReservedEvents>(
    name?: Name,
    listener?: Listener<ListenEvents, Name>,
  ): this;

  emit<Name extends EventName<EmitEvents>>(name: Name, ...args: Arguments<EmitEvents, Name>): this;
  emitWithAck<Name extends AnsweredEventName<EmitEvents>>(
    name: Name,
    ...args: WithoutLast<Arguments<EmitEvents, Name>>
  ): Promise<Answer<LastParameter<Arguments<EmitEvents, Name>>>>;

  /** Emits that are not answered within `milliseconds` fail. */
  timeout(milliseconds: number): Socket<ListenEvents, WithTimeout<EmitEvents>>;
}
