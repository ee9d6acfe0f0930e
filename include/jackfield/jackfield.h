/*
 * jackfield.h: the whole boundary between a Jackfield host and its plugins.
 *
 * SPDX-License-Identifier: Apache-2.0
 *
 * A plugin is a shared library that exports one function and links against nothing of the host. This header is C99 and
 * C++17 and needs no other file of the project. A complete plugin, in C and in C++:
 *
 *     #include <jackfield/jackfield.h>
 *
 *     static const jf_host *host;
 *     static jf_events_api io;
 *
 *     static void on_hello(void *instance, const jf_event *event) {
 *         (void)instance;
 *         io.ack(host, event->ack, JF_TEXT("[\"hello, stranger\"]"), NULL, 0);
 *     }
 *
 *     static const jf_event_decl events[] = { JF_EVENT("hello", on_hello) };
 *
 *     jf_code jf_plugin_main(const jf_boot *boot, jf_plugin *plugin) {
 *         host = boot->host;
 *         jf_describe(plugin, "hello", "1.0.0");
 *         JF_SET_LIST(plugin->events, events);
 *         return boot->query(host, JF_EVENTS, &io, sizeof io);
 *     }
 *
 *     cc -shared -fPIC -I include -o hello.so hello.c
 *     jackfield serve --demo --plugin ./hello.so
 *
 * The folder samples/ has one small plugin for each capability.
 *
 * CONTENTS
 *      1  Compatibility and ownership
 *      2  Threads, states, signals, crashes
 *      3  Basic types                   text, bytes, handles, tokens, result codes
 *      4  What a callback receives      event, answer, handshake, attempt, request ...
 *      5  What a plugin declares        events, namespaces, routes, timers, services, C functions: the descriptor
 *      6  What a plugin may call        core, tokens, events, sockets, rooms, presence, timers, http, json, helpers,
 *                                       services
 *      7  The exported function
 *
 * ------------------------------------------------------------------------------------------------------------
 * 1  COMPATIBILITY AND OWNERSHIP
 *
 *  - JF_ABI is the revision of the calling convention. A host refuses a plugin of another JF_ABI.
 *  - Interfaces have an id and a revision ("jf.events/1"). A released interface never changes: new functions are
 *    appended, a new meaning gets a new name. The plugin passes the size of its table. The host fills every slot that
 *    it knows and sets the others to a function that returns JF_E_UNSUPPORTED. No slot is ever NULL.
 *  - Structures grow only at their end. `struct_size` is the size that the writer of the structure knows:
 *      host to plugin    The host sets it. Before you read a field that a later header added, check that struct_size
 *                        covers it.
 *      plugin to host    You set it to sizeof; 0 means the size in the first release. The host reads no further. If it
 *                        is larger than the host knows, the bytes beyond must be zero, else the call returns
 *                        JF_E_UNSUPPORTED. So the host never ignores a field that you set.
 *      filled by the host in your memory (jf_json, jf_json_cursor, jf_json_writer, jf_result; jf_error, if you pass one
 *                        to a call: zero it before): you set it as above. The host writes no further and sets it to the
 *                        size that it filled.
 *  - Lists carry the size of one item in `stride`, with the same three rules. Step through a list by its stride, not by
 *    sizeof. jf_text, jf_bytes, jf_pair and jf_value never grow, so arrays of them have no stride.
 *  - Additions since the first release of JF_ABI 2 are marked "since 1.1" or "since 1.2". Older hosts do not know them.
 *  - Integers have a fixed width. There is no long, bool, bit-field or enum-typed field, and no field whose name is a
 *    keyword of C++, Rust, Go, Zig, Swift, Python or JavaScript.
 *  - A call with flags that the host does not know, or with a `reserved` field that is not 0, returns JF_E_INVALID. In
 *    a structure that the host filled, ignore constants that you do not know.
 *
 * Neither side frees memory of the other. What a callback receives is valid until it returns. What you pass to a call
 * is read before the call returns; the host copies what it keeps. What the descriptor points to (lists, names,
 * functions) must stay valid and unchanged for the life of the process: make it static.
 *
 * ------------------------------------------------------------------------------------------------------------
 * 2  THREADS, STATES, SIGNALS, CRASHES
 *
 * The tag before a callback says on which thread the host calls it:
 *
 *  [strand]   On the plugin's strand: one OS thread that runs the plugin's callbacks one at a time. It is the same
 *             thread from jf_plugin_main to destroy, so thread-local state is safe. The constructors of the library
 *             run on it as well, before jf_plugin_main.
 *  [run]      As the declaration's `run` says (section 5); by default on the strand.
 *  [loop]     On an event loop. Several loops may call it at the same time. The callback must not block.
 *
 * The tag before a function says when you may call it. Otherwise it returns JF_E_STATE and does nothing.
 *
 *  [any-thread]          From any thread, from the beginning of create until stop has returned. Never blocks, except
 *                        jf_services_api.call and the functions of c_function, which say how long.
 *  [any-thread, always]  The same, and also in jf_plugin_main, in destroy, and later.
 *  [callback]            Only inside the callback that received the argument, on its thread.
 *
 * The life of a plugin: jf_plugin_main -> create -> (declarations come into force) -> start -> stop -> destroy.
 * Callbacks that a call of yours causes (post, after, fetch, *_ack, watch) come after create has returned JF_OK; if
 * create fails, only the free functions are called, with a NULL instance. Handlers may run before start. When the
 * plugin is unloaded its declarations are withdrawn first, then queued callbacks run, then stop. Every callback that
 * this header describes as "called exactly once" runs before stop, or, if stop causes it, before destroy. No callback
 * begins after destroy has begun. The host abandons a plugin that does not load within limits.startDeadline (30 s by
 * default) or does not stop within limits.shutdownDeadline: it calls none of the plugin's functions any more.
 *
 * Reload (since 1.2): the host replaces a running plugin by a new version of its file and disconnects no client. It
 * loads the new version beside the running one, from a copy of the file and on a strand of its own, and calls
 * jf_plugin_main and create. Then it holds what clients cause for the plugin (events, requests, hooks; limited as the
 * queue is), waits until the running version has finished what it accepted before, and calls:
 *     save      of the running version
 *     restore   of the new version
 *     start     of the new version
 * Then the declarations of the new version replace the others at once, and it gets what was held, in order. Last, the
 * running version gets stop and destroy, as in an unload. If a step before that fails (an error, a callback that does
 * not return, another name in the descriptor, a conflict), the running version goes on and gets what was held, after
 * `resumed` if it was saved; the new version gets destroy. Between save and the end of the reload no callback for a
 * client runs in the running version except `handshake`. Methods of its services, its timers and its posted tasks may
 * run; what they change then is not in what it saved. Sockets, rooms and the data of sockets stay. Timers of the
 * descriptor go on at their times. Kept tokens and open streams that `save` lists go to the new version; the host
 * waits until the running version has completed its other tokens, and ends its other streams after stop. What
 * set_plugin_data, after, watch and bind have set belongs to one version: set it again in restore or start.
 *
 * Order: calls that one thread makes for one socket take effect in the order of the calls, also of different functions:
 * a join followed by a broadcast to the room reaches the socket that joined. Callbacks for one socket come in the order
 * of the events that caused them; callbacks for different sockets may overtake each other. The host performs a call for
 * many sockets (join_all, leave_all, disconnect_all, fetch, broadcast_ack) in pieces, and the event loop serves other
 * sockets between two pieces. It performs a broadcast in one piece.
 *
 * A slow callback delays its own plugin, and the plugins that wait for it in jf_services_api.call. A plugin's queue is
 * bounded by limits.pluginQueueCallbacks and limits.pluginQueueBytes of the configuration, with a share for each socket
 * and each user. The host refuses and counts a callback that does not fit: the client reads
 * {"error":{"code":"overloaded",...}} in the ack, or 503 over HTTP. While the plugin needs more than 5 ms for its
 * queued callbacks, the strand runs one callback of each user in turn, and alternates between the sockets of one user.
 *
 * Signals   Before it loads plugins the host ignores SIGPIPE, reads its configuration again on SIGHUP (since 1.2;
 *           before that it ignored it), and handles SIGTERM and SIGINT. It checks these four after each load and once
 *           a second, restores what a plugin changed and logs the plugin's name. A handler for any other signal (a
 *           runtime's own for SIGSEGV, for instance) stays as the plugin set it, and is logged. No signal is blocked
 *           in threads that run plugin code, so none is in a child process. If a callback of the life cycle leaves one
 *           blocked on the strand, the host unblocks and logs it. All this holds before the first constructor of the
 *           library runs.
 * Processes fork without exec is not supported: only the calling thread survives in the child, with locks that other
 *           threads held. posix_spawn, and fork directly followed by exec, are supported. The host's descriptors are
 *           close-on-exec. An ignored SIGPIPE is inherited: reset it in a child that needs it.
 * Shared    The plugin shares the process: do not call exit, setlocale, setenv, chdir or umask, and do not close a
 *           descriptor that is not yours.
 * Crashes   A segmentation fault, abort, an exception or panic that leaves a callback, or Swift's fatalError ends the
 *           whole process and disconnects every client. Catch exceptions and panics in each callback. With `isolation:
 *           process` in its configuration (since 1.2) the same library runs in a worker process, and only that ends.
 *           Callbacks in it that have not returned are lost: acks get the error "unavailable", requests 503,
 *           connections are refused, calls of its methods get JF_E_UNAVAILABLE. The host starts a new process, which
 *           gets jf_plugin_main, create, restore (if the version before had saved) and start; what clients cause
 *           meanwhile waits in the queue. Kept tokens, timers, streams, watches, bindings and plugin_data of the old
 *           process are gone. The descriptor must be the same in each process. In a worker JF_RUN_INLINE means
 *           JF_RUN_STRAND, the working directory is a folder of the plugin's own (the environment variable
 *           JACKFIELD_FOLDER names the host's, where relative paths of a configuration begin), a descriptor with
 *           `handshake` is refused, and functions of the header take some microseconds, because the host's process
 *           answers most of them. ack in the callback of its event returns JF_OK at once, also if the client has just
 *           gone.
 *           The host has a handler of SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP and SIGABRT, which logs one line before
 *           the process ends: the signal, the plugin with its file and build-id, the callback, the thread and the
 *           address of the code. It names the plugin of a thread of its own as well, and a stack overflow on each
 *           thread of the host. Core dumps and the exit status are those of the signal. A library that installs its
 *           own handler of these signals should pass on to the one before what it does not handle, as Go's runtime
 *           does; else no line is logged. A call of exit is logged in the same way. A process that a plugin ends with
 *           _exit, as an unrecovered panic of Go does, leaves no line.
 */
#ifndef JACKFIELD_H
#define JACKFIELD_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#ifdef __cplusplus
extern "C" {
#endif

/** The revision of the calling convention; see section 1. */
#define JF_ABI 2

/* ------------------------------------------------------------------------------------------------------------
 * 3  BASIC TYPES
 */

/** UTF-8, not terminated. `ptr` may be NULL when `len` is 0. "JSON" beside a jf_text means that it holds JSON. */
typedef struct jf_text {
    const char *ptr;
    uint64_t    len;
} jf_text;

/** Octets. `ptr` may be NULL when `len` is 0. */
typedef struct jf_bytes {
    const uint8_t *ptr;
    uint64_t       len;
} jf_bytes;

/** A string literal as an initialiser: `.name = JF_LIT("hello")`. Anything but a literal does not compile. */
#define JF_LIT(literal) { ("" literal ""), sizeof(literal) - 1 }

/** A string literal as an expression: `io.ack(host, ack, JF_TEXT("[]"), NULL, 0)`. */
#ifdef __cplusplus
#define JF_TEXT(literal) (jf_text JF_LIT(literal))
#else
#define JF_TEXT(literal) ((jf_text)JF_LIT(literal))
#endif

/** Empty text as an initialiser. */
#define JF_EMPTY { NULL, 0 }

/** A terminated string as text. It points to the caller's bytes. */
static inline jf_text jf_text_of(const char *terminated) {
    jf_text text;
    text.ptr = terminated;
    text.len = terminated ? strlen(terminated) : 0;
    return text;
}

/** 1 if both hold the same bytes, else 0. */
static inline int32_t jf_text_equal(jf_text a, jf_text b) {
    return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, (size_t)a.len) == 0);
}

/** A name and its value: an HTTP header, a query parameter or a path parameter. */
typedef struct jf_pair {
    jf_text name;
    jf_text value;
} jf_pair;

/** The value of the first pair with this name (names are compared by bytes), or empty text. */
static inline jf_text jf_find(const jf_pair *pairs, uint32_t count, const char *name) {
    jf_text wanted = jf_text_of(name), none = JF_EMPTY;
    uint32_t i;
    for (i = 0; i < count; i++)
        if (jf_text_equal(pairs[i].name, wanted)) return pairs[i].value;
    return none;
}

/** Sets a list of the descriptor to an array: `JF_SET_LIST(plugin->events, events)`. */
#define JF_SET_LIST(list, array) \
    ((list).items = (array), (list).count = (uint32_t)(sizeof(array) / sizeof (array)[0]), \
     (list).stride = (uint32_t)sizeof (array)[0])

/** The host's handle for this plugin: the first argument of every call. Opaque; never freed. */
typedef struct jf_host jf_host;

/**
 * Handles name objects of the host. They contain a generation: when an object is gone, its handle never names another
 * object, and calls with it return JF_E_GONE for ever. 0 names no object.
 */
typedef uint64_t jf_socket; /**< one client in one namespace */
typedef uint64_t jf_timer;  /**< a timer made with jf_timers_api.after */
typedef uint64_t jf_stream; /**< an HTTP response that is still being written */
typedef uint64_t jf_binding; /**< this plugin's use of a service of another plugin (since 1.1) */

/**
 * A token stands for an answer that somebody waits for: an ack, an HTTP response, a decision on a connection, the
 * result of a service call. It is
 * completed exactly once; a second attempt returns JF_E_GONE. A callback borrows its token: complete it inside the
 * callback and on its thread, or exchange it with jf_tokens_api.keep for one that any thread may complete later. If the
 * client disconnects or the plugin stops before, the host completes it. 0: the client does not wait for an answer;
 * completing it returns JF_E_GONE.
 */
typedef uint64_t jf_token;

/** The result of every function: 0 is success, positive is success with more to know, negative is failure. */
typedef int32_t jf_code;
enum {
    JF_OK            = 0,
    JF_PENDING       = 1,   /**< returned by `admit`: the decision comes later, through the kept token */
    JF_E_FAILED      = -1,  /**< failed for another reason: see the message beside it, or the log */
    JF_E_INVALID     = -2,  /**< an argument is wrong; the host's log says which one and why. Any function may return
                                 it */
    JF_E_GONE        = -3,  /**< the object of this handle is gone, or the token was completed before */
    JF_E_UNSUPPORTED = -4,  /**< this host has no such interface, function or field. Any function may return it */
    JF_E_LIMIT       = -5,  /**< a limit is reached; nothing was done */
    JF_E_SPACE       = -6,  /**< the buffer is too small; the length needed was stored */
    JF_E_NOT_FOUND   = -7,  /**< there is no such thing */
    JF_E_DENIED      = -8,  /**< refused on purpose */
    JF_E_TIMEOUT     = -9,  /**< no answer in time */
    JF_E_STATE       = -10, /**< called in the wrong state or on the wrong thread; see the tag. Any function may return
                                 it */
    /* since 1.1 */
    JF_E_UNAVAILABLE = -11, /**< no plugin provides the service now */
    JF_E_DEADLOCK    = -12, /**< the call would wait for a thread that waits for this call; it was not made */
    JF_E_MISMATCH    = -13  /**< caller and provider declare different signatures or versions */
};

/**
 * A failure with a message. In a callback: fill it with jf_fail; the host passes it zeroed. In a call of yours: the
 * host fills it; zero it before.
 */
typedef struct jf_error {
    uint32_t struct_size;
    jf_code  code;
    char     message[504]; /**< UTF-8, terminated: what was wrong, where, and what to do */
} jf_error;

/** Copies `message`, cut to what fits, into `error`, which may be NULL. Returns `code`. */
static inline jf_code jf_fail(jf_error *error, jf_code code, const char *message) {
    if (error) {
        size_t n = strlen(message), most = sizeof error->message - 1;
        if (n > most) n = most;
        error->code = code;
        memcpy(error->message, message, n);
        error->message[n] = 0;
    }
    return code;
}

/** [strand] A posted function, or the function of a timer that has fired. */
typedef void (*jf_task_fn)(void *instance, void *context);

/** [strand] Frees the data that was passed to the host together with this function. Called exactly once. */
typedef void (*jf_free_fn)(void *instance, void *data);

/* Kinds of jf_value, with the member of `val` that holds the value (since 1.1). docs/signatures.md has the types. */
#define JF_VALUE_NONE   0u  /**< nothing: an optional value that is absent, or no result */
#define JF_VALUE_BOOL   1u  /**< i32: 0 or 1 */
#define JF_VALUE_I32    2u  /**< i32 */
#define JF_VALUE_I64    3u  /**< i64 */
#define JF_VALUE_U32    4u  /**< u32 */
#define JF_VALUE_U64    5u  /**< u64 */
#define JF_VALUE_F32    6u  /**< f32 */
#define JF_VALUE_F64    7u  /**< f64 */
#define JF_VALUE_STRING 8u  /**< text: the types string and cstring */
#define JF_VALUE_BYTES  9u  /**< bytes */
#define JF_VALUE_JSON   10u /**< text: one JSON value */
#define JF_VALUE_ARRAY  11u /**< items: `count` values of one type */
#define JF_VALUE_RECORD 12u /**< items: `count` values, one for each field, in the order of the signature */

/** A typed value: an argument or the result of a service call. Set only the member that `kind` names. */
typedef struct jf_value {
    uint32_t kind;  /**< JF_VALUE_* */
    uint32_t count; /**< of ARRAY and RECORD, else 0 */
    union {
        int32_t                i32;
        int64_t                i64;
        uint32_t               u32;
        uint64_t               u64;
        float                  f32;
        double                 f64;
        jf_text                text;
        jf_bytes               bytes;
        const struct jf_value *items; /**< may be NULL when `count` is 0 */
    } val;
} jf_value;

/* Values as expressions (since 1.1). They point to the caller's bytes. */
static inline jf_value jf_none(void) {
    jf_value v;
    memset(&v, 0, sizeof v);
    return v;
}
static inline jf_value jf_bool(int32_t x) {
    jf_value v = jf_none();
    v.kind = JF_VALUE_BOOL;
    v.val.i32 = x != 0;
    return v;
}
static inline jf_value jf_i32(int32_t x) {
    jf_value v = jf_none();
    v.kind = JF_VALUE_I32;
    v.val.i32 = x;
    return v;
}
static inline jf_value jf_i64(int64_t x) {
    jf_value v = jf_none();
    v.kind = JF_VALUE_I64;
    v.val.i64 = x;
    return v;
}
static inline jf_value jf_u32(uint32_t x) {
    jf_value v = jf_none();
    v.kind = JF_VALUE_U32;
    v.val.u32 = x;
    return v;
}
static inline jf_value jf_u64(uint64_t x) {
    jf_value v = jf_none();
    v.kind = JF_VALUE_U64;
    v.val.u64 = x;
    return v;
}
static inline jf_value jf_f32(float x) {
    jf_value v = jf_none();
    v.kind = JF_VALUE_F32;
    v.val.f32 = x;
    return v;
}
static inline jf_value jf_f64(double x) {
    jf_value v = jf_none();
    v.kind = JF_VALUE_F64;
    v.val.f64 = x;
    return v;
}
static inline jf_value jf_string(jf_text x) {
    jf_value v = jf_none();
    v.kind = JF_VALUE_STRING;
    v.val.text = x;
    return v;
}
static inline jf_value jf_octets(jf_bytes x) {
    jf_value v = jf_none();
    v.kind = JF_VALUE_BYTES;
    v.val.bytes = x;
    return v;
}
static inline jf_value jf_json_text(jf_text x) {
    jf_value v = jf_none();
    v.kind = JF_VALUE_JSON;
    v.val.text = x;
    return v;
}
static inline jf_value jf_array(const jf_value *items, uint32_t count) {
    jf_value v = jf_none();
    v.kind = JF_VALUE_ARRAY;
    v.count = count;
    v.val.items = items;
    return v;
}
static inline jf_value jf_record(const jf_value *fields, uint32_t count) {
    jf_value v = jf_array(fields, count);
    v.kind = JF_VALUE_RECORD;
    return v;
}

/** A C function of any type (since 1.1). Cast it to its own type before you call it. */
typedef void (*jf_fn)(void);

/* Transports. */
#define JF_TRANSPORT_POLLING   1u
#define JF_TRANSPORT_WEBSOCKET 2u

/* ------------------------------------------------------------------------------------------------------------
 * 4  WHAT A CALLBACK RECEIVES
 */

/** An event from a client: `socket.emit("name", arg, ...)`. */
typedef struct jf_event {
    uint32_t        struct_size;
    uint32_t        attachment_count;
    jf_socket       socket;      /**< the sender */
    uint64_t        connection;  /**< the same number for all sockets of one client's connection; never used twice */
    jf_token        ack;         /**< 0: the client wants no answer */
    jf_text         nsp;         /**< namespace, "/" or "/name" */
    jf_text         name;
    jf_text         args;        /**< JSON array of all arguments, valid, as the client sent it; "[]" if there are
                                      none */
    const jf_bytes *attachments; /**< binary arguments; in args they are {"_placeholder":true,"num":i} */
    jf_text         user;        /**< empty: anonymous */
    jf_text         id;          /**< the Socket.IO id, what the client calls socket.id */
    void           *plugin_data; /**< what this plugin passed to jf_sockets_api.set_plugin_data for the socket, or
                                      NULL */
    void           *context;     /**< of the declaration */
} jf_event;

#define JF_MESSAGE_VOLATILE     1u /**< drop it for a client whose transport is not ready to send */
#define JF_MESSAGE_UNCOMPRESSED 2u /**< send it without compression */

/** An event to clients. `args` is validated once and then sent as it is. */
typedef struct jf_message {
    uint32_t        struct_size;
    uint32_t        flags;       /**< JF_MESSAGE_* */
    jf_text         name;        /**< 1 to 512 bytes; not a reserved name of Socket.IO ("connect", "disconnect" ...) */
    jf_text         args;        /**< JSON array; empty text means "[]" */
    const jf_bytes *attachments; /**< binary arguments, each named in args by its placeholder */
    uint32_t        attachment_count; /**< at most 10 */
    uint32_t        reserved;
} jf_message;

#define JF_TARGET_ALL       1u /**< every socket of the namespace; `user`, `rooms` and `socket` must be empty */
#define JF_TARGET_EVERY_NSP 2u /**< in all namespaces; `nsp` must be empty */
#define JF_TARGET_LOCAL     4u /**< only the sockets of this node */

/**
 * A set of sockets of the namespace: the union of the sockets of `user`, the sockets in any of `rooms`, and `socket`;
 * without the sockets in any of `except_rooms` and without `except_socket`. JF_TARGET_ALL, or at least one of user,
 * rooms and socket, must be set, else JF_E_INVALID: so the empty user of an anonymous sender never selects all sockets.
 * A socket's id is a room that the socket is always in.
 */
typedef struct jf_target {
    uint32_t       struct_size;
    uint32_t       flags;         /**< JF_TARGET_* */
    jf_text        nsp;           /**< empty text means "/" */
    jf_text        user;          /**< every socket of this user */
    const jf_text *rooms;
    const jf_text *except_rooms;
    uint32_t       room_count;    /**< at most 1,000 */
    uint32_t       except_count;  /**< at most 1,000 */
    jf_socket      socket;        /**< 0: none */
    jf_socket      except_socket; /**< usually the sender; 0: none */
} jf_target;

/** The answer of one client to an event that was emitted with an ack. */
typedef struct jf_answer {
    uint32_t        struct_size;
    jf_code         status;      /**< JF_OK, JF_E_TIMEOUT, JF_E_LIMIT (limits.pendingAcksPerSocket), JF_E_GONE: the
                                      socket left before it answered */
    jf_socket       socket;
    jf_text         args;        /**< JSON array; "[]" unless status is JF_OK */
    const jf_bytes *attachments;
    uint32_t        attachment_count;
    uint32_t        reserved;
} jf_answer;

/** [strand] Called exactly once for each emit_ack that returned JF_OK. */
typedef void (*jf_answer_fn)(void *instance, void *context, const jf_answer *answer);

/** The answers of the clients of a target. */
typedef struct jf_answers {
    uint32_t         struct_size;
    jf_code          status;     /**< JF_OK: all clients answered. JF_E_TIMEOUT: only those in `items` answered in time.
                                      JF_E_LIMIT: the answers exceed limits.pluginResultBytes, and some are left out.
                                      JF_E_GONE: the plugin is stopping */
    uint32_t         expected;   /**< the number of clients that were asked */
    uint32_t         count;
    const jf_answer *items;      /**< one for each answer */
    uint32_t         stride;     /**< bytes from one item to the next */
    uint32_t         reserved;
} jf_answers;

/** [strand] Called exactly once for each broadcast_ack that returned JF_OK. */
typedef void (*jf_answers_fn)(void *instance, void *context, const jf_answers *answers);

/* The parts of a socket's description that a call asks for. */
#define JF_PART_ID         1u   /**< id and namespace */
#define JF_PART_USER       2u   /**< user */
#define JF_PART_CLAIMS     4u   /**< claims */
#define JF_PART_HANDSHAKE  8u   /**< {headers, query, url, address, secure, time, issued, auth} of the first request */
#define JF_PART_DATA       16u  /**< data */
#define JF_PART_ROOMS      32u  /**< rooms, the socket's id first; fetch only */
#define JF_PART_CONNECTION 64u  /**< connection number and current transport */
#define JF_PART_JSON       128u /**< fetch: also everything as one JSON array in jf_fetched.json */

/** A socket that fetch found. The fields of parts that were not requested are zero. */
typedef struct jf_socket_info {
    uint32_t       struct_size;
    uint32_t       transport;  /**< JF_TRANSPORT_*, now */
    jf_socket      socket;
    uint64_t       connection;
    jf_text        id;
    jf_text        nsp;
    jf_text        user;       /**< empty: anonymous */
    jf_text        claims;     /**< JSON object */
    jf_text        handshake;  /**< JSON object */
    jf_text        data;       /**< JSON */
    const jf_text *rooms;
    uint32_t       room_count;
    uint32_t       reserved;
} jf_socket_info;

/** The sockets of a target. */
typedef struct jf_fetched {
    uint32_t              struct_size;
    jf_code               status;   /**< JF_OK. JF_E_LIMIT: some sockets are left out (there are more than 100,000, or
                                         they exceed limits.pluginResultBytes). JF_E_GONE: the plugin is stopping */
    const jf_socket_info *items;
    uint64_t              count;
    uint32_t              stride;   /**< bytes from one item to the next */
    uint32_t              reserved;
    jf_text               json;     /**< with JF_PART_JSON: an array of objects in the order of items; else empty */
} jf_fetched;

/** [strand] Called exactly once for each fetch or members that returned JF_OK. */
typedef void (*jf_fetched_fn)(void *instance, void *context, const jf_fetched *fetched);

/** The HTTP request that asks for a new session, over either transport. There is no session, socket or user yet. */
typedef struct jf_handshake {
    uint32_t       struct_size;
    uint32_t       header_count;
    const jf_pair *headers;   /**< names in lower case */
    jf_text        url;       /**< path and query as sent */
    jf_text        address;   /**< of the peer, without port */
    int32_t        secure;    /**< 1: over TLS */
    uint32_t       transport; /**< JF_TRANSPORT_* */
} jf_handshake;

/** What `handshake` may return beside its result code. The host passes it zeroed. */
typedef struct jf_handshake_reply {
    uint32_t struct_size;
    uint32_t reserved;
    char     message[248];  /**< UTF-8, terminated: why the request is refused; the client reads
                                 {"code":4,"message":...} */
    char     initial[1024]; /**< "name: value\r\n" lines for the first response; see jf_add_header */
    char     always[1024];  /**< the same for every HTTP response of the session */
} jf_handshake_reply;

/** Sets the message that the client reads, cut to what fits, and returns JF_E_DENIED. */
static inline jf_code jf_deny(jf_handshake_reply *reply, const char *message) {
    size_t n = strlen(message);
    if (n >= sizeof reply->message) n = sizeof reply->message - 1;
    memcpy(reply->message, message, n);
    reply->message[n] = 0;
    return JF_E_DENIED;
}

/**
 * Adds a response header. `every` 0: to the first response; 1: to every response. JF_E_SPACE: `reply` has no space for
 * it. JF_E_INVALID: an empty name, a colon, blank or line break in the name, or a line break in the value.
 */
static inline jf_code jf_add_header(jf_handshake_reply *reply, int32_t every, const char *name, const char *value) {
    char *lines = every ? reply->always : reply->initial;
    size_t capacity = every ? sizeof reply->always : sizeof reply->initial;
    size_t used = strlen(lines), n = strlen(name), m = strlen(value);
    if (n == 0 || strpbrk(name, "\r\n: ") || strpbrk(value, "\r\n")) return JF_E_INVALID;
    if (n + m + 5 > capacity - used) return JF_E_SPACE;
    memcpy(lines + used, name, n);
    memcpy(lines + used + n, ": ", 2);
    memcpy(lines + used + n + 2, value, m);
    memcpy(lines + used + n + 2 + m, "\r\n", 3);
    return JF_OK;
}

/** A client asks to join a namespace. If the host demands a token, it has been verified. */
typedef struct jf_attempt {
    uint32_t struct_size;
    uint32_t transport;  /**< JF_TRANSPORT_*, now */
    jf_token decision;   /**< complete it with jf_sockets_api.accept or refuse, or return a result code */
    uint64_t connection; /**< the same number as in jf_event and jf_socket_event */
    jf_text  nsp;
    jf_text  auth;       /**< JSON object: the client's `auth` option, "{}" if none */
    jf_text  user;       /**< from the token, or from a hook that was called before; empty: anonymous */
    jf_text  claims;     /**< JSON object; "{}" if anonymous */
    jf_text  handshake;  /**< JSON object: {headers, query, url, address, secure, time, issued} */
    void    *context;    /**< of the declaration */
} jf_attempt;

/**
 * The user, claims and data with which a client joins, for jf_sockets_api.accept. Where a field is zero, what the token
 * says stays in force.
 */
typedef struct jf_admission {
    uint32_t   struct_size;
    uint32_t   reserved;
    jf_text    user;        /**< 1 to 256 bytes without control characters: presence, the room "user:<user>" and
                                 JF_RUN_BY_USER follow it */
    jf_text    claims;      /**< JSON object, at most 65,536 bytes; its members replace the token's members of the same
                                 name */
    jf_text    data;        /**< JSON, at most 65,536 bytes: the socket's data */
    int64_t    expires_at;  /**< when the connection is closed, in ms since 1970-01-01 UTC; 0: as the token says */
    void      *plugin_data; /**< see jf_sockets_api.set_plugin_data */
    jf_free_fn free_data;   /**< frees plugin_data, also if the client never joins; or NULL */
} jf_admission;

/** Why a client may not join. It becomes CONNECT_ERROR {"message": ..., "data": ...}. The host passes it zeroed. */
typedef struct jf_refusal {
    uint32_t struct_size;
    uint32_t reserved;
    char     message[248]; /**< UTF-8, terminated */
    char     data[1024];   /**< JSON, terminated; empty: no data */
} jf_refusal;

/**
 * Fills `refusal` and returns JF_E_DENIED. `data` is JSON or NULL. A message that is too long is cut; data that is too
 * long is left out.
 */
static inline jf_code jf_refuse(jf_refusal *refusal, const char *message, const char *data) {
    size_t n = strlen(message), m = data ? strlen(data) : 0;
    if (n >= sizeof refusal->message) n = sizeof refusal->message - 1;
    if (m >= sizeof refusal->data) m = 0;
    memcpy(refusal->message, message, n);
    refusal->message[n] = 0;
    if (m) memcpy(refusal->data, data, m);
    refusal->data[m] = 0;
    return JF_E_DENIED;
}

/** A socket has joined its namespace, is leaving it, or has left it. */
typedef struct jf_socket_event {
    uint32_t       struct_size;
    uint32_t       room_count;
    jf_socket      socket;
    uint64_t       connection;
    jf_text        nsp;
    jf_text        id;          /**< the Socket.IO id; also the name of a room */
    jf_text        user;        /**< empty: anonymous */
    jf_text        auth;        /**< JSON object that the client sent with CONNECT (connected only) */
    jf_text        reason;      /**< why it left, in the reference server's words; empty when it joins */
    const jf_text *rooms;       /**< the rooms that it leaves, its id first (disconnecting only) */
    int32_t        recovered;   /**< 1: recovery restored id, rooms and data (connected only) */
    uint32_t       transport;   /**< JF_TRANSPORT_*, now */
    void          *plugin_data; /**< this plugin's pointer for the socket, or NULL */
    void          *context;     /**< of the declaration */
} jf_socket_event;

/** A user has come online (0 to 1 connections) or gone offline (1 to 0, after presence.gracePeriod). */
typedef struct jf_presence_change {
    uint32_t struct_size;
    int32_t  online; /**< 1 or 0 */
    jf_text  user;
    int64_t  at;     /**< ms since 1970-01-01 UTC */
} jf_presence_change;

/** An HTTP request to a declared route. */
typedef struct jf_request {
    uint32_t       struct_size;
    uint32_t       param_count;
    jf_token       reply;   /**< complete it with jf_http_api.respond, problem or stream */
    jf_text        method;
    jf_text        path;    /**< as sent, without the query */
    const jf_pair *params;  /**< the {names} of the declared path, percent-decoded */
    const jf_pair *query;   /**< percent-decoded, in order */
    const jf_pair *headers; /**< names in lower case */
    uint32_t       query_count;
    uint32_t       header_count;
    jf_bytes       body;    /**< at most limits.httpBody bytes */
    jf_text        user;    /**< empty: anonymous */
    jf_text        claims;  /**< JSON object, "{}" if anonymous */
    jf_text        address; /**< of the peer, without port */
    void          *context; /**< of the declaration */
} jf_request;

/** An HTTP response. The host adds Content-Length and the connection headers. */
typedef struct jf_response {
    uint32_t       struct_size;
    uint32_t       status;       /**< 200 to 599 */
    const jf_pair *headers;
    uint32_t       header_count; /**< at most 64 */
    uint32_t       reserved;
    jf_text        content_type; /**< empty text means "application/json" */
    jf_bytes       body;
} jf_response;

/** The callbacks of an open stream. Each may be NULL. */
typedef struct jf_stream_callbacks {
    uint32_t struct_size;
    uint32_t reserved;
    void    *context;
    /** [strand] After a write returned JF_E_LIMIT: the client has read enough; write again. */
    void (*writable)(void *instance, void *context, jf_stream stream);
    /**
     * [strand] The last callback of the stream, called exactly once. `why` is JF_OK after finish, JF_E_GONE if the
     * client disconnected.
     */
    void (*closed)(void *instance, void *context, jf_stream stream, jf_code why);
} jf_stream_callbacks;

/** The call of a method that the plugin provides (since 1.1). */
typedef struct jf_call {
    uint32_t        struct_size;
    uint32_t        arg_count; /**< the number of parameters in the signature */
    const jf_value *args;      /**< checked: each has the type that the signature says. Valid until the method returns,
                                    also if the reply was kept */
    jf_token        reply;     /**< keep it (jf_tokens_api.keep) to answer later with jf_services_api.complete. 0 in a
                                    method with JF_RUN_INLINE, which answers before it returns */
    jf_text         caller;    /**< the name of the plugin that calls */
    void           *context;   /**< of the declaration */
    /**
     * Assign the result, if the signature has one. The host copies what it points to right after the method has
     * returned, on the same thread: that must not be the stack of the method. jf_services_api.set_result copies at
     * once.
     */
    jf_value       *result;
    jf_error       *failure;   /**< why it failed: `return jf_fail(call->failure, JF_E_NOT_FOUND, "...")` */
} jf_call;

/**
 * [run] The body of a method. JF_OK: success. A failure reaches the caller with the code and the message, whether or
 * not the signature has `throws`; a code above 0 becomes JF_E_FAILED. If the method kept `reply`, its result is
 * ignored.
 */
typedef jf_code (*jf_method_fn)(void *instance, const jf_call *call);

/** The outcome of a call that this plugin made (since 1.1). The host sets all fields except struct_size. */
typedef struct jf_result {
    uint32_t struct_size; /**< set it before jf_services_api.call: sizeof(jf_result) */
    jf_code  code;        /**< JF_OK, the failure that the method returned, or one that the call's comment names */
    jf_value value;       /**< the result; JF_VALUE_NONE on failure */
    jf_text  message;     /**< why it failed, if known */
    void    *storage;     /**< the host's memory behind `value` and `message`; NULL: there is none */
} jf_result;

/** [strand] Called exactly once for each call_async that returned JF_OK. `result` is valid until it returns. */
typedef void (*jf_result_fn)(void *instance, void *context, const jf_result *result);

/**
 * [strand] The provider of a binding has appeared or gone (since 1.1). A binding begins without a provider, so the
 * first call has JF_OK or JF_E_MISMATCH.
 *   JF_OK             calls reach a provider
 *   JF_E_UNAVAILABLE  the provider is gone
 *   JF_E_MISMATCH     a plugin provides the service, but its minor version or a signature differs: `message` says what.
 *                     The binding waits for another provider. A provider of another major version is no provider
 */
typedef void (*jf_binding_fn)(void *instance, void *context, jf_binding binding, jf_code status, jf_text message);

/** What a plugin needs of a service, for jf_services_api.bind (since 1.1). */
typedef struct jf_need {
    uint32_t       struct_size;
    uint32_t       method_count; /**< at most 256 */
    jf_text        service;      /**< the name of the service */
    uint32_t       major;        /**< the major version, exactly */
    uint32_t       minor;        /**< the lowest minor version */
    const jf_text *methods;      /**< their signatures as this plugin expects them; a call names a method by its
                                      index */
    jf_binding_fn  changed;      /**< or NULL */
    /**
     * For `changed`. You may free it when unbind has returned and no `changed` runs: on the strand, right after unbind;
     * on another thread, in a task that you post after unbind (jf_core_api.post).
     */
    void          *context;
} jf_need;

/** What a plugin passes to the version that replaces it in a reload (since 1.2). */
typedef struct jf_saved {
    uint32_t         struct_size;
    uint32_t         version;      /**< of the format of `state`: a number of the plugin's own */
    jf_bytes         state;        /**< at most 64 MiB */
    const jf_token  *tokens;       /**< kept tokens that the new version completes. They keep their numbers, so `state`
                                        may contain them */
    const jf_stream *streams;      /**< open streams that the new version goes on writing. They keep their numbers; it
                                        sets its callbacks with jf_http_api.watch */
    uint32_t         token_count;  /**< at most 65,536 */
    uint32_t         stream_count; /**< at most 65,536 */
    jf_text          plugin_version; /**< in restore: the version of the plugin that saved; in save: ignored */
} jf_saved;

/* Kinds of JSON values. */
#define JF_JSON_NULL   1u
#define JF_JSON_FALSE  2u
#define JF_JSON_TRUE   3u
#define JF_JSON_NUMBER 4u
#define JF_JSON_STRING 5u
#define JF_JSON_ARRAY  6u
#define JF_JSON_OBJECT 7u

/** A value inside a JSON document. `raw` points into that document. */
typedef struct jf_json {
    uint32_t struct_size; /**< set it before the call: sizeof(jf_json) */
    uint32_t kind;        /**< JF_JSON_* */
    jf_text  raw;         /**< the bytes of the value; those of a string include its quotes */
    double   number;      /**< of a number, else 0 */
    int64_t  integer;     /**< of a number that is an integer within int64_t, else 0 */
    int32_t  is_integer;  /**< 1: `integer` is exact */
    uint32_t count;       /**< elements of an array, members of an object, else 0 */
} jf_json;

/** A position in an array or object, for jf_json_api.open and next. Opaque except struct_size. */
typedef struct jf_json_cursor {
    uint32_t struct_size; /**< set it before open: sizeof(jf_json_cursor) */
    uint32_t kind;
    jf_text  rest;
    uint64_t index;
} jf_json_cursor;

/** Writes JSON into a buffer of yours, see jf_json_api.begin. Opaque except struct_size and length. */
typedef struct jf_json_writer {
    uint32_t struct_size; /**< set it before begin: sizeof(jf_json_writer) */
    jf_code  status;      /**< JF_OK, or the first failure */
    char    *out;
    uint64_t capacity;
    uint64_t length;      /**< the number of bytes written, or needed if they do not fit */
    uint64_t nesting;
    uint32_t depth;
    uint32_t expects;
} jf_json_writer;

/* ------------------------------------------------------------------------------------------------------------
 * 5  WHAT A PLUGIN DECLARES
 *
 * Every declaration has a `context`, which the host passes to each callback of the declaration: so a binding for
 * another language needs only one C function for all its handlers.
 *
 * The host reads the declarations after create has succeeded and withdraws them when the plugin is unloaded. If two
 * plugins declare the same event of a namespace or the same route, the host does not load the second one, and the log
 * says why. In C name the fields (`.name = JF_LIT("x")`); the macros JF_EVENT, JF_ROUTE and JF_TIMER serve C++17 as
 * well.
 */

/* Where a callback runs. */
#define JF_RUN_STRAND   0u /**< on the strand: the default. Change it only after measuring */
#define JF_RUN_BY_USER  1u /**< in order, one at a time for each user (anonymous: each connection) */
#define JF_RUN_BY_KEY   2u /**< in order, one at a time for each value at `run_key`, a JSON pointer into args such as
                                "/0/room" */
#define JF_RUN_PARALLEL 3u /**< several at once, in no order. BY_USER, BY_KEY and PARALLEL share 4 to 32 threads */
/**
 * [loop] On the event loop, directly: the lowest latency. The handler must not block, neither for a lock nor for a
 * file, and should return within 50 microseconds, since every socket of that loop waits for it. The host measures the
 * time and logs a warning.
 */
#define JF_RUN_INLINE   4u

/** [run] The handler of an event. */
typedef void (*jf_event_fn)(void *instance, const jf_event *event);

#define JF_EVENT_OBSERVE 1u /**< called in addition to the event's handler; `ack` is 0 */

/** An event that the plugin handles. Without a name: every event of the namespace that no plugin declares by name. */
typedef struct jf_event_decl {
    jf_text        nsp;       /**< empty text means "/"; a name, or the pattern of a jf_nsp_decl */
    jf_text        name;      /**< at most 512 bytes */
    jf_event_fn    handler;
    uint32_t       run;       /**< JF_RUN_* */
    uint32_t       flags;     /**< JF_EVENT_* */
    jf_text        run_key;   /**< for JF_RUN_BY_KEY */
    void          *context;
    const jf_text *nsps;      /**< up to 1,000 further namespaces with the same handler; if there are any, an empty
                                   `nsp` is ignored */
    uint32_t       nsp_count;
    uint32_t       reserved;
    /**
     * The types of the arguments and of the ack, such as "(room: string, limit: i64?) -> json" (docs/signatures.md).
     * Other arguments do not reach the handler: the client reads {"error":{"code":"invalid_arguments",...}}. Empty: any
     * arguments. Not together with JF_EVENT_OBSERVE or without a name. (since 1.1)
     */
    jf_text        signature;
} jf_event_decl;

/** An array as the initialiser of a list that is a field of a declaration (since 1.1): see jf_service_decl.methods. */
#define JF_LIST(array) \
    { (array), (uint32_t)(sizeof(array) / sizeof (array)[0]), (uint32_t)sizeof (array)[0] }

typedef struct jf_event_list {
    const jf_event_decl *items;
    uint32_t             count;
    uint32_t             stride;
} jf_event_list;

/** An event of "/" handled on the strand. */
#define JF_EVENT(name, handler) \
    { JF_EMPTY, JF_LIT(name), (handler), JF_RUN_STRAND, 0, JF_EMPTY, NULL, NULL, 0, 0, JF_EMPTY }

/** The same with a signature: `JF_TYPED_EVENT("add", "(a: f64, b: f64) -> f64", on_add)` (since 1.1). */
#define JF_TYPED_EVENT(name, signature, handler) \
    { JF_EMPTY, JF_LIT(name), (handler), JF_RUN_STRAND, 0, JF_EMPTY, NULL, NULL, 0, 0, JF_LIT(signature) }

#define JF_NSP_PATTERN 1u /**< `name` is a POSIX extended regular expression without backreferences: "^/dyn-[0-9]+$" */

/**
 * A namespace for which the plugin has hooks. Several plugins may declare the same one: the host calls the hooks of all
 * of them, in the order of loading. It tries patterns in that order, after the names, and uses the first that matches.
 * "/" always exists.
 */
typedef struct jf_nsp_decl {
    jf_text        name;       /**< at most 256 bytes */
    uint32_t       flags;      /**< JF_NSP_* */
    uint32_t       run;        /**< JF_RUN_*, not BY_KEY; for the four hooks */
    /**
     * [run] May this client join?
     *   JF_OK        yes; to change user, claims or data first call jf_sockets_api.accept with attempt->decision
     *   JF_E_DENIED  no, with the message and data of `refusal` (jf_refuse)
     *   JF_PENDING   the decision was kept and comes with jf_sockets_api.accept or refuse; if it does not come, the
     *                client is refused after connectTimeout, or disconnected if it has joined no namespace
     *   other        no, with the message "internal error"; the log says why
     * If the callback completed the token, its result is ignored. NULL: every client may join.
     */
    jf_code (*admit)(void *instance, const jf_attempt *attempt, jf_refusal *refusal);
    void (*connected)(void *instance, const jf_socket_event *event);     /**< [run] joined; or NULL */
    void (*disconnecting)(void *instance, const jf_socket_event *event); /**< [run] leaving, with its rooms; or NULL */
    void (*disconnected)(void *instance, const jf_socket_event *event);  /**< [run] left; or NULL */
    void          *context;
    const jf_text *names;      /**< up to 1,000 further namespaces with the same flags and hooks; then `name` may be
                                    empty */
    uint32_t       name_count;
    uint32_t       reserved;
} jf_nsp_decl;

typedef struct jf_nsp_list {
    const jf_nsp_decl *items;
    uint32_t           count;
    uint32_t           stride;
} jf_nsp_list;

/**
 * [run] The handler of a request. If it has neither answered nor kept the request when it returns, the host answers
 * 500.
 */
typedef void (*jf_request_fn)(void *instance, const jf_request *request);

#define JF_AUTH_REQUIRED 0u /**< the request needs a valid token, else 401; the default */
#define JF_AUTH_OPTIONAL 1u /**< the request may have a token; an invalid one gets 401 */
#define JF_AUTH_NONE     2u /**< the Authorization header is ignored */

/**
 * An HTTP route. Paths below the Socket.IO path (`path` of the configuration) are refused, because their requests never
 * reach a plugin.
 */
typedef struct jf_route_decl {
    jf_text       method;  /**< "GET", "POST" ... */
    jf_text       path;    /**< "/v1/rooms/{id}/members": a {name} matches one segment */
    jf_request_fn handler;
    uint32_t      run;     /**< JF_RUN_*; BY_KEY uses the parameter named by run_key */
    uint32_t      auth;    /**< JF_AUTH_* */
    jf_text       scope;   /**< a scope that the token must grant, else 403; empty: none */
    jf_text       run_key;
    void         *context;
} jf_route_decl;

typedef struct jf_route_list {
    const jf_route_decl *items;
    uint32_t             count;
    uint32_t             stride;
} jf_route_list;

/** A route on the strand that needs a valid token. */
#define JF_ROUTE(method, path, handler) \
    { JF_LIT(method), JF_LIT(path), (handler), JF_RUN_STRAND, JF_AUTH_REQUIRED, JF_EMPTY, JF_EMPTY, NULL }

/**
 * A timer that fires repeatedly from start until stop. A firing that is due while the one before is still queued or
 * running is skipped.
 */
typedef struct jf_timer_decl {
    jf_task_fn handler;  /**< [strand] */
    void      *context;
    uint64_t   interval; /**< ms, 10 or more; the first firing comes one interval after start */
} jf_timer_decl;

typedef struct jf_timer_list {
    const jf_timer_decl *items;
    uint32_t             count;
    uint32_t             stride;
} jf_timer_list;

#define JF_TIMER(handler, interval) { (handler), NULL, (interval) }

/**
 * A method of a service (since 1.1). Exactly one of `handler` and `c_function` is set.
 */
typedef struct jf_method_decl {
    jf_text      signature; /**< "add(a: f64, b: f64) -> f64"; its name is the method's name */
    jf_method_fn handler;
    jf_fn        c_function; /**< a C function of the type that the signature describes (docs/signatures.md) */
    /**
     * JF_RUN_STRAND   on the strand
     * JF_RUN_PARALLEL several at once, on the threads of JF_RUN_PARALLEL
     * JF_RUN_INLINE   on the thread of the caller, several at once, also on event loops: the fastest call. The method
     *                 must not block.
     */
    uint32_t     run;
    uint32_t     reserved;
    void        *context;
} jf_method_decl;

typedef struct jf_method_list {
    const jf_method_decl *items;
    uint32_t              count;
    uint32_t              stride;
} jf_method_list;

/** A method on the strand: `JF_METHOD("add(a: f64, b: f64) -> f64", on_add)`. */
#define JF_METHOD(signature, handler) { JF_LIT(signature), (handler), NULL, JF_RUN_STRAND, 0, NULL }

/** A method with JF_RUN_INLINE. */
#define JF_METHOD_INLINE(signature, handler) { JF_LIT(signature), (handler), NULL, JF_RUN_INLINE, 0, NULL }

/** A C function as a method on the strand: `JF_METHOD_FUNCTION("add(a: f64, b: f64) -> f64", add)`. */
#define JF_METHOD_FUNCTION(signature, c_function) \
    { JF_LIT(signature), NULL, (jf_fn)(c_function), JF_RUN_STRAND, 0, NULL }

/**
 * A service that other plugins may bind (since 1.1). It is available from the end of start until the plugin is
 * unloaded. A new method, and nothing else, may come with a higher minor version. If two plugins provide the same major
 * version of a service, the host does not load the second one. The host unloads plugins in the reverse order of
 * loading: a plugin that was loaded before the provider of its service may find the provider gone in its stop.
 */
typedef struct jf_service_decl {
    jf_text        name;  /**< 1 to 64 of a-z, 0-9, '-' and '.' */
    uint32_t       major; /**< 1 or higher */
    uint32_t       minor;
    jf_method_list methods; /**< JF_LIST(array) */
} jf_service_decl;

typedef struct jf_service_list {
    const jf_service_decl *items;
    uint32_t               count;
    uint32_t               stride;
} jf_service_list;

/**
 * A C function that answers an event (since 1.1): `double add(double, double)` acks [3] to `emit("calc:add", 1, 2,
 * ack)` and answers {"result":3} to POST /v1/call/calc:add. The host checks the arguments, calls the function through
 * libffi, and sends its result. The function needs to know nothing of Jackfield. POST /v1/call checks only the token:
 * the `admit` hooks of namespaces do not run for it.
 */
typedef struct jf_function_decl {
    jf_text  name;      /**< of the event, at most 512 bytes */
    jf_text  signature; /**< "add(a: f64, b: f64) -> f64" */
    jf_fn    c_function; /**< of the type that the signature describes (docs/signatures.md) */
    uint32_t run;       /**< JF_RUN_*; by default on the strand, so never on an event loop. With JF_RUN_INLINE, more
                             than 16,384 bytes of arguments (JSON and attachments) are refused as invalid_arguments */
    uint32_t reserved;
    jf_text  run_key;   /**< for JF_RUN_BY_KEY */
    jf_text  nsp;       /**< empty text means "/" */
} jf_function_decl;

typedef struct jf_function_list {
    const jf_function_decl *items;
    uint32_t                count;
    uint32_t                stride;
} jf_function_list;

/** `JF_FUNCTION("calc:add", "add(a: f64, b: f64) -> f64", add)` */
#define JF_FUNCTION(name, signature, function) \
    { JF_LIT(name), JF_LIT(signature), (jf_fn)(function), JF_RUN_STRAND, 0, JF_EMPTY, JF_EMPTY }

/**
 * An event that the plugin emits, with the types of its arguments (since 1.1). `jackfield types` writes it for clients.
 * An emit with other arguments is counted and logged, and sent, or with `contracts: strict` in the configuration
 * refused with JF_E_INVALID; `contracts: off` does not check.
 */
typedef struct jf_emit_decl {
    jf_text name;
    jf_text signature; /**< "(message: {id: string, body: string})" */
    jf_text nsp;       /**< where clients get it; empty text means "/". A name has one signature in all namespaces */
} jf_emit_decl;

typedef struct jf_emit_list {
    const jf_emit_decl *items;
    uint32_t            count;
    uint32_t            stride;
} jf_emit_list;

#define JF_EMIT(name, signature) { JF_LIT(name), JF_LIT(signature), JF_EMPTY }

/**
 * The descriptor. The host passes it zeroed in a block of JF_PLUGIN_SIZE bytes, so that a newer plugin may fill more
 * fields than an older host knows; if such a field is not zero, the load fails. Begin with jf_describe.
 */
typedef struct jf_plugin {
    uint32_t struct_size;
    uint32_t abi;
    jf_text  name;    /**< 1 to 64 of a-z, 0-9 and '-': the name in logs and metrics, unless the configuration names
                           it */
    jf_text  version; /**< semantic version, at most 64 bytes */

    /**
     * [strand] Creates the instance that every other callback receives. May do I/O. On failure: jf_fail(error, ...).
     */
    jf_code (*create)(const jf_host *host, void **instance, jf_error *error);
    /** [strand] All declarations are in force; handlers may already have run. */
    jf_code (*start)(void *instance, jf_error *error);
    /**
     * [strand] Finish the work in progress. Declarations have been withdrawn. If the whole host stops, all clients have
     * been disconnected and every disconnected hook has run.
     */
    void (*stop)(void *instance);
    /** [strand] The last callback: frees the instance. Threads of the plugin must have ended when it returns. */
    void (*destroy)(void *instance);

    jf_event_list events;
    jf_nsp_list   nsps;
    jf_route_list routes;
    jf_timer_list timers;

    /** [strand] A user that the plugin watches (jf_presence_api.watch) has come online or gone offline. */
    void (*presence)(void *instance, const jf_presence_change *change);
    /** [strand] Can the plugin work now (is its store reachable)? Called every 2 s for /readyz. NULL: always. */
    jf_code (*ready)(void *instance, jf_error *error);
    /**
     * [loop] May this request open a session (`allowRequest` of the reference server)? JF_OK: yes. JF_E_DENIED: no,
     * with reply->message (jf_deny). Anything else: no. It may add response headers (jf_add_header). NULL: yes. To
     * decide by user use `admit`.
     */
    jf_code (*handshake)(void *instance, const jf_handshake *request, jf_handshake_reply *reply);

    /* since 1.1 */
    jf_service_list  services;
    jf_function_list functions;
    jf_emit_list     emits;

    /* since 1.2: the callbacks of a reload (section 2). Each may be NULL */
    /**
     * [strand] Set in `saved` what the new version needs. The host passes it zeroed, except struct_size, and
     * copies what it points to right after save has returned, on the same thread: that must not be the stack of
     * save. Threads of the plugin may still complete kept tokens that are not listed. A failure ends the reload;
     * resumed is not called.
     */
    jf_code (*save)(void *instance, jf_saved *saved, jf_error *error);
    /**
     * [strand] Called between create and start if the version before has `save`. `saved` is what it set, and valid
     * until restore returns; tokens whose client does not wait any more and streams that have ended are left out.
     * A failure ends the reload. If save has set anything, a new version without `restore` does not replace the
     * running one.
     */
    jf_code (*restore)(void *instance, const jf_saved *saved, jf_error *error);
    /** [strand] The reload has failed after save: this version goes on, with the tokens and streams that it had. */
    void (*resumed)(void *instance);
} jf_plugin;

/** The size of the block that the descriptor is passed in. */
#define JF_PLUGIN_SIZE 4096

/** Begins the descriptor. Both strings must be static. */
static inline void jf_describe(jf_plugin *plugin, const char *name, const char *version) {
    plugin->struct_size = (uint32_t)sizeof *plugin;
    plugin->abi = JF_ABI;
    plugin->name = jf_text_of(name);
    plugin->version = jf_text_of(version);
}

/* ------------------------------------------------------------------------------------------------------------
 * 6  WHAT A PLUGIN MAY CALL
 *
 * Fetch each table once with boot->query, in jf_plugin_main or create. Every function returns a jf_code and stores
 * values through pointers. On failure the values are zeroed; a function that this host does not have changes nothing.
 * Every function may return JF_E_INVALID, JF_E_STATE and JF_E_UNSUPPORTED; the comment names the others. The arguments
 * of one call have at most 64 MiB together, else JF_E_LIMIT. A function that writes into a buffer of yours (`out`,
 * `capacity`) always stores the length needed in *length, and writes nothing if the buffer is too small (JF_E_SPACE).
 */

/* ---- jf.core/1: log, configuration, clock, strand ---------------------------------------------------------- */
#define JF_CORE "jf.core/1"

#define JF_LOG_DEBUG   1u
#define JF_LOG_INFO    2u
#define JF_LOG_WARNING 3u
#define JF_LOG_ERROR   4u

typedef struct jf_core_api {
    uint32_t struct_size;
    uint32_t revision;
    /**
     * [any-thread, always] Writes a line under the plugin's name, cut after 4,096 bytes. Lines beyond 100 in a second
     * are counted and not written; the call returns JF_OK.
     */
    jf_code (*log)(const jf_host *host, uint32_t level, jf_text line);
    /**
     * [any-thread, always] The plugin's `config` as a JSON object, "{}" if there is none. Valid for
     * the life of the process.
     */
    jf_code (*config)(const jf_host *host, jf_text *json);
    /** [any-thread, always] Milliseconds since 1970-01-01 UTC. May jump. */
    jf_code (*wall_ms)(const jf_host *host, int64_t *ms);
    /** [any-thread, always] Nanoseconds since an arbitrary moment. Never goes back. */
    jf_code (*mono_ns)(const jf_host *host, int64_t *ns);
    /**
     * [any-thread] Runs `task` on the strand, after tasks that were posted before. If events of clients wait, it runs
     * no later than in order of arrival. If the plugin stops first, `free_context` is called instead: exactly one of
     * the two is called, if not NULL. JF_E_LIMIT: the queue is full; neither is called.
     */
    jf_code (*post)(const jf_host *host, jf_task_fn task, void *context, jf_free_fn free_context);
    /** [any-thread, always] What a code means, as static text. JF_E_NOT_FOUND: there is no such code. */
    jf_code (*describe)(const jf_host *host, jf_code code, jf_text *words);
    /**
     * [any-thread] Calls `task` once, before it returns, on the calling thread. The host collects the calls that `task`
     * makes on this thread and passes them to the event loops when `task` returns, in order: it wakes each loop once,
     * and each client gets its messages in one piece. Use it for many results at once on a thread of your own, such as
     * the answers to all requests of one commit. Keep it short, because the first emit waits for the last. A batch
     * inside a batch is part of the outer one. On an event loop it only calls `task`, since a loop sends everything of
     * one tick together anyway. destroy does not wait for a task that runs on a thread of your own: end your threads in
     * stop.
     */
    jf_code (*batch)(const jf_host *host, jf_task_fn task, void *context);
} jf_core_api;

/* ---- jf.tokens/1: answers that come later ------------------------------------------------------------------ */
#define JF_TOKENS "jf.tokens/1"

typedef struct jf_tokens_api {
    uint32_t struct_size;
    uint32_t revision;
    /**
     * [callback] Exchanges the token of this callback for one that any thread may complete later. JF_E_GONE: it was
     * completed, or the client does not wait any more. JF_E_LIMIT: the plugin keeps 65,536 already; the token stays
     * usable.
     */
    jf_code (*keep)(const jf_host *host, jf_token token, jf_token *kept);
    /**
     * [any-thread] Releases a kept token without an answer: an ack is never sent, a request gets 500, a connection is
     * refused, a service call fails with JF_E_FAILED. JF_E_GONE as keep.
     */
    jf_code (*drop)(const jf_host *host, jf_token kept);
    /** [any-thread] *waiting is 1 while a client waits for this kept token, else 0. Check it before long work. */
    jf_code (*waits)(const jf_host *host, jf_token kept, int32_t *waiting);
} jf_tokens_api;

/* ---- jf.events/1: to clients ------------------------------------------------------------------------------- */
#define JF_EVENTS "jf.events/1"

typedef struct jf_events_api {
    uint32_t struct_size;
    uint32_t revision;
    /**
     * [any-thread] Sends an event to one socket. JF_OK: queued, in order. JF_E_GONE: there is no such socket.
     * JF_E_LIMIT: 64 MiB of calls wait for the socket's event loop. A client that reads too slowly is disconnected
     * (limits.outputBuffer).
     */
    jf_code (*emit)(const jf_host *host, jf_socket to, const jf_message *message);
    /**
     * [any-thread] Sends an event to one socket, which has `timeout` ms (1 to 3,600,000) to answer. Codes as emit;
     * JF_E_LIMIT also if this plugin waits for 65,536 answers.
     */
    jf_code (*emit_ack)(const jf_host *host, jf_socket to, const jf_message *message, uint32_t timeout,
                        jf_answer_fn answered, void *context);
    /**
     * [any-thread] Sends an event to the sockets of a target; encoded once. JF_OK also for no socket. JF_E_LIMIT as
     * emit.
     */
    jf_code (*broadcast)(const jf_host *host, const jf_target *to, const jf_message *message);
    /** [any-thread] As broadcast; each socket has `timeout` ms (1 to 3,600,000) to answer. JF_E_LIMIT as emit_ack. */
    jf_code (*broadcast_ack)(const jf_host *host, const jf_target *to, const jf_message *message,
                             uint32_t timeout, jf_answers_fn answered, void *context);
    /**
     * [callback, or any-thread with a kept token] Answers an event: `args` is a JSON array, empty text means "[]".
     * JF_E_GONE: it was answered before, the client wants no answer, or it disconnected.
     */
    jf_code (*ack)(const jf_host *host, jf_token token, jf_text args, const jf_bytes *attachments,
                   uint32_t attachment_count);
    /**
     * As ack, with {"error":{"code":...,"message":...}}; at most 65,536 bytes together. The host uses these codes; use
     * them with the same meaning: invalid_arguments, not_found, overloaded, rate_limited, unavailable, unknown_event,
     * internal.
     */
    jf_code (*ack_error)(const jf_host *host, jf_token token, jf_text code, jf_text message);
} jf_events_api;

/* ---- jf.sockets/1: who is connected ------------------------------------------------------------------------ */
#define JF_SOCKETS "jf.sockets/1"

typedef struct jf_sockets_api {
    uint32_t struct_size;
    uint32_t revision;
    /**
     * [any-thread] Writes a JSON object with the requested parts (JF_PART_*, not ROOMS and JSON) into your buffer:
     * members id and nsp, user, claims, handshake, data, connection {number, transport}. JF_E_GONE, JF_E_SPACE.
     */
    jf_code (*describe)(const jf_host *host, jf_socket socket, uint32_t parts, char *out, uint64_t capacity,
                        uint64_t *length);
    /**
     * [any-thread] Replaces the socket's data: any JSON up to 65,536 bytes (JF_E_LIMIT). All plugins share it.
     * JF_E_GONE.
     */
    jf_code (*set_data)(const jf_host *host, jf_socket socket, jf_text json);
    /**
     * [any-thread] Stores a pointer for the socket that only this plugin gets, in jf_event and jf_socket_event. NULL
     * removes it. `free_data` (or NULL) is called on the strand when another pointer has replaced this one, the socket
     * has left or the plugin stops, and every callback that received the pointer has returned. Setting the same pointer
     * again changes nothing. On failure the host does not keep the pointer: free it yourself. JF_E_GONE.
     */
    jf_code (*set_plugin_data)(const jf_host *host, jf_socket socket, void *data, jf_free_fn free_data);
    /** [any-thread] The pointer, or NULL. Outside a callback of this socket it may be freed at any time. JF_E_GONE. */
    jf_code (*plugin_data)(const jf_host *host, jf_socket socket, void **data);
    /**
     * [any-thread] `close` 0: the socket leaves its namespace with a DISCONNECT packet. 1: its whole connection is
     * closed. JF_E_GONE, JF_E_LIMIT.
     */
    jf_code (*disconnect)(const jf_host *host, jf_socket socket, int32_t close);
    /** [any-thread] As disconnect, for the sockets of a target. JF_E_LIMIT. */
    jf_code (*disconnect_all)(const jf_host *host, const jf_target *which, int32_t close);
    /** [any-thread] Finds the sockets of a target. `parts` 0: handles only. JF_E_LIMIT as broadcast_ack. */
    jf_code (*fetch)(const jf_host *host, const jf_target *which, uint32_t parts, jf_fetched_fn fetched,
                     void *context);
    /**
     * [callback, or any-thread with a kept token] Decides that the client of an attempt may join, as `admission` says
     * (NULL: as the token says). On failure the host does not keep plugin_data: free it yourself. JF_E_GONE: it was
     * decided before, or the client disconnected.
     */
    jf_code (*accept)(const jf_host *host, jf_token decision, const jf_admission *admission);
    /**
     * As accept, but the client may not join. `data` is JSON, or empty text for none. At most 65,536 bytes together.
     */
    jf_code (*refuse)(const jf_host *host, jf_token decision, jf_text message, jf_text data);
} jf_sockets_api;

/* ---- jf.rooms/1 -------------------------------------------------------------------------------------------- */
#define JF_ROOMS "jf.rooms/1"

typedef struct jf_rooms_api {
    uint32_t struct_size;
    uint32_t revision;
    /**
     * [any-thread] Adds the socket to a room of its namespace. A room exists while it has sockets; its name has 1 to
     * 256 bytes. Joining a room twice has no further effect. JF_OK: the socket will be in the room, unless it leaves
     * before. JF_E_GONE. JF_E_LIMIT: as emit, or the socket is at limits.roomsPerSocket. Joins and leaves that are not
     * yet done count as rooms, so on a thread other than the socket's event loop also the join of a room that it is in
     * may be refused.
     */
    jf_code (*join)(const jf_host *host, jf_socket socket, jf_text room);
    /**
     * [any-thread] Removes the socket from a room. JF_OK also if it is not in the room. JF_E_GONE, JF_E_LIMIT as emit.
     */
    jf_code (*leave)(const jf_host *host, jf_socket socket, jf_text room);
    /**
     * [any-thread] Every socket of the target joins the rooms (at most 1,000). A socket at limits.roomsPerSocket does
     * not join and is counted. JF_E_LIMIT as emit.
     */
    jf_code (*join_all)(const jf_host *host, const jf_target *which, const jf_text *rooms, uint32_t count);
    /** [any-thread] Every socket of the target leaves the rooms (at most 1,000). JF_E_LIMIT as emit. */
    jf_code (*leave_all)(const jf_host *host, const jf_target *which, const jf_text *rooms, uint32_t count);
    /** [any-thread] The sockets of a room: jf_sockets_api.fetch with the parts ID and USER. JF_E_LIMIT as fetch. */
    jf_code (*members)(const jf_host *host, jf_text nsp, jf_text room, jf_fetched_fn fetched, void *context);
} jf_rooms_api;

/* ---- jf.presence/1: who is online. A user has 1 to 256 bytes without control characters --------------------- */
#define JF_PRESENCE "jf.presence/1"

typedef struct jf_presence_api {
    uint32_t struct_size;
    uint32_t revision;
    /**
     * [any-thread] *online is 1 if the user is online, else 0. It stays 1 for presence.gracePeriod after the last
     * connection.
     */
    jf_code (*is_online)(const jf_host *host, jf_text user, int32_t *online);
    /** [any-thread] How many connections the user has now. */
    jf_code (*connections)(const jf_host *host, jf_text user, uint64_t *count);
    /** [any-thread] How many users are online. */
    jf_code (*online_count)(const jf_host *host, uint64_t *count);
    /**
     * [any-thread] The host calls the descriptor's `presence` for the changes of this user; empty text: of every user.
     * JF_E_LIMIT: 100,000 users or 16 MiB of ids are watched.
     */
    jf_code (*watch)(const jf_host *host, jf_text user);
    /** [any-thread] Ends a watch. JF_OK also if there is none. */
    jf_code (*unwatch)(const jf_host *host, jf_text user);
} jf_presence_api;

/* ---- jf.timers/1 ------------------------------------------------------------------------------------------- */
#define JF_TIMERS "jf.timers/1"

typedef struct jf_timers_api {
    uint32_t struct_size;
    uint32_t revision;
    /**
     * [any-thread] Calls `task` on the strand once, not before `delay` ms (at most 30 days) have passed. If the timer
     * is cancelled or the plugin stops first, `free_context` is called instead: exactly one of the two is called, if
     * not NULL. `timer` may be NULL. JF_E_LIMIT: 65,536 timers are pending; neither is called.
     */
    jf_code (*after)(const jf_host *host, uint64_t delay, jf_task_fn task, void *context, jf_free_fn free_context,
                     jf_timer *timer);
    /** [any-thread] JF_OK: `task` will not be called. JF_E_GONE: it was called, or is about to be. */
    jf_code (*cancel)(const jf_host *host, jf_timer timer);
} jf_timers_api;

/* ---- jf.http/1: responses ---------------------------------------------------------------------------------- */
#define JF_HTTP "jf.http/1"

typedef struct jf_http_api {
    uint32_t struct_size;
    uint32_t revision;
    /**
     * [callback, or any-thread with a kept token] Sends the whole response. JF_E_GONE: the request was answered before,
     * or the client disconnected.
     */
    jf_code (*respond)(const jf_host *host, jf_token reply, const jf_response *response);
    /**
     * As respond, with application/problem+json {"type":"about:blank","title","status","code","detail"}. `status` is
     * 400 to 599; code and detail have at most 65,536 bytes together.
     */
    jf_code (*problem)(const jf_host *host, jf_token reply, uint32_t status, jf_text code, jf_text detail);
    /**
     * As respond, for a response whose body comes in pieces; response->body is the first piece, if not empty. `watch`
     * may be NULL. JF_E_LIMIT: the plugin has 65,536 open streams.
     */
    jf_code (*stream)(const jf_host *host, jf_token reply, const jf_response *response,
                      const jf_stream_callbacks *watch, jf_stream *stream);
    /**
     * [any-thread] Sends a piece of at most 1 MiB. JF_E_LIMIT: limits.outputBuffer bytes wait for the client to read
     * them; nothing was written, try again when `writable` is called. JF_E_GONE: the client disconnected.
     */
    jf_code (*write)(const jf_host *host, jf_stream stream, jf_bytes piece);
    /** [any-thread] Ends the body. JF_E_GONE. */
    jf_code (*finish)(const jf_host *host, jf_stream stream);
    /**
     * [any-thread] Replaces the callbacks of an open stream; `watch` may be NULL. For streams that the version before a
     * reload had opened (jf_saved.streams). JF_E_GONE. (since 1.2)
     */
    jf_code (*watch)(const jf_host *host, jf_stream stream, const jf_stream_callbacks *watch);
} jf_http_api;

/* ---- jf.json/1: reading and writing JSON ------------------------------------------------------------------- */
#define JF_JSON "jf.json/1"

/* Pure functions: any state, any thread. Each takes time linear in its input. */
typedef struct jf_json_api {
    uint32_t struct_size;
    uint32_t revision;
    /** The value at an RFC 6901 pointer ("/0/room", "" for the whole). JF_E_NOT_FOUND. JF_E_INVALID: it is not JSON. */
    jf_code (*read)(const jf_host *host, jf_text document, jf_text pointer, jf_json *value);
    /** Writes the unescaped text of a JSON string (given with its quotes) into your buffer. JF_E_SPACE. */
    jf_code (*text)(const jf_host *host, jf_text string, char *out, uint64_t capacity, uint64_t *length);
    /** Writes text as a JSON string with quotes into your buffer. JF_E_SPACE. JF_E_INVALID: it is not UTF-8. */
    jf_code (*quote)(const jf_host *host, jf_text text, char *out, uint64_t capacity, uint64_t *length);
    /**
     * Writes the document with `value` (JSON) set at `pointer` into your buffer: a member is replaced or added, an
     * element replaced, "-" appends an element. `out` must not overlap the document. JF_E_NOT_FOUND: the parent does
     * not exist. JF_E_SPACE.
     */
    jf_code (*set)(const jf_host *host, jf_text document, jf_text pointer, jf_text value, char *out, uint64_t capacity,
                   uint64_t *length);

    /**
     * Sets `cursor` before the first element of an array or the first member of an object. JF_E_INVALID: it is neither.
     */
    jf_code (*open)(const jf_host *host, jf_text container, jf_json_cursor *cursor);
    /**
     * The next element or member. `name` is a member's name as a JSON string with its quotes, empty for an element; it
     * may be NULL. JF_E_NOT_FOUND: there is no further one. Reading a whole container takes linear time.
     */
    jf_code (*next)(const jf_host *host, jf_json_cursor *cursor, jf_text *name, jf_json *value);

    /**
     * Begins to write JSON into `out` (`capacity` bytes). Then add values with the functions below. It is enough to
     * check the result of `done`: after a failure, the calls only count bytes and write none.
     */
    jf_code (*begin)(const jf_host *host, jf_json_writer *writer, char *out, uint64_t capacity);
    /** Opens an object or array: `kind` is JF_JSON_OBJECT or JF_JSON_ARRAY. At most 64 deep (JF_E_LIMIT). */
    jf_code (*begin_container)(const jf_host *host, jf_json_writer *writer, uint32_t kind);
    jf_code (*close_container)(const jf_host *host, jf_json_writer *writer);
    /** A member's name; its value follows. */
    jf_code (*add_name)(const jf_host *host, jf_json_writer *writer, jf_text name);
    /**
     * Add a value. JF_E_INVALID where a name must follow, for text that is not UTF-8, and for a number that is not
     * finite.
     */
    jf_code (*add_text)(const jf_host *host, jf_json_writer *writer, jf_text value);
    jf_code (*add_integer)(const jf_host *host, jf_json_writer *writer, int64_t value);
    jf_code (*add_number)(const jf_host *host, jf_json_writer *writer, double value);
    jf_code (*add_bool)(const jf_host *host, jf_json_writer *writer, int32_t value);
    jf_code (*add_null)(const jf_host *host, jf_json_writer *writer);
    /** Adds JSON unchanged. JF_E_INVALID: it is not JSON. */
    jf_code (*add_json)(const jf_host *host, jf_json_writer *writer, jf_text value);
    /**
     * Ends the document. JF_E_SPACE: writer->length bytes are needed. JF_E_INVALID: an object or array is still open.
     */
    jf_code (*done)(const jf_host *host, jf_json_writer *writer, jf_text *document);
} jf_json_api;

/* ---- jf.helpers/1: the inline functions of this header, for languages that cannot call them ------------------- */
#define JF_HELPERS "jf.helpers/1"

/* Pure functions: any state, any thread. */
typedef struct jf_helpers_api {
    uint32_t struct_size;
    uint32_t revision;
    /** As jf_describe; `abi` is the JF_ABI that the plugin was built with; both texts must be static. */
    jf_code (*describe)(const jf_host *host, jf_plugin *plugin, uint32_t abi, jf_text name, jf_text version);
    /** As jf_fail; returns `code`. */
    jf_code (*fail)(const jf_host *host, jf_error *error, jf_code code, jf_text message);
    /** As jf_refuse; `data` is JSON or empty text. Returns JF_E_DENIED. */
    jf_code (*refuse)(const jf_host *host, jf_refusal *refusal, jf_text message, jf_text data);
    /** As jf_find. JF_E_NOT_FOUND: there is no such pair. */
    jf_code (*find)(const jf_host *host, const jf_pair *pairs, uint32_t count, jf_text name, jf_text *value);
    /** As jf_deny; returns JF_E_DENIED. */
    jf_code (*deny)(const jf_host *host, jf_handshake_reply *reply, jf_text message);
    /** As jf_add_header. */
    jf_code (*add_header)(const jf_host *host, jf_handshake_reply *reply, int32_t every, jf_text name, jf_text value);
} jf_helpers_api;

/* ---- jf.services/1: calls between plugins (since 1.1) --------------------------------------------------------- */
#define JF_SERVICES "jf.services/1"

/*
 * A plugin provides a service: it declares the service, and in jf_plugin_main JF_SET_LIST(plugin->services, provided).
 *
 *     static jf_code on_add(void *instance, const jf_call *call) {
 *         (void)instance;
 *         *call->result = jf_f64(call->args[0].val.f64 + call->args[1].val.f64);
 *         return JF_OK;
 *     }
 *
 *     static const jf_method_decl methods[] = { JF_METHOD("add(a: f64, b: f64) -> f64", on_add) };
 *     static const jf_service_decl provided[] = { { JF_LIT("calc"), 1, 0, JF_LIST(methods) } };
 *
 * Another plugin binds it, in any order of loading. After that, `add(1, 2)` calls it:
 *
 *     static const jf_text needed[] = { JF_LIT("add(a: f64, b: f64) -> f64") };
 *     static double (*add)(double, double);
 *
 *     static jf_code bind_calc(jf_error *error) {
 *         jf_need need = { sizeof need, 1, JF_LIT("calc"), 1, 0, needed, NULL, NULL };
 *         jf_binding calc;
 *         jf_code code = services.bind(host, &need, &calc, error);
 *         return code == JF_OK ? services.c_function(host, calc, 0, (jf_fn *)&add, error) : code;
 *     }
 */
typedef struct jf_services_api {
    uint32_t struct_size;
    uint32_t revision;
    /**
     * [any-thread] Binds a service. It need not be provided yet: calls return JF_E_UNAVAILABLE until it is.
     * `need->changed` is called later on the strand, also if it is provided already. JF_E_MISMATCH: it is provided, but
     * its minor version or a signature differs, and there is no binding; `error` (or NULL) has the two signatures and
     * the first difference. A provider of another major version is no provider. JF_E_LIMIT: the plugin has 1,024
     * bindings, or 4,096 calls of `changed` wait for its strand.
     */
    jf_code (*bind)(const jf_host *host, const jf_need *need, jf_binding *binding, jf_error *error);
    /**
     * [any-thread] Ends a binding: later calls return JF_E_GONE, and `changed` is not called any more, unless it is
     * running. Function pointers of the binding keep working as if the provider were gone. JF_E_GONE.
     */
    jf_code (*unbind)(const jf_host *host, jf_binding binding);
    /**
     * [any-thread] Whether calls reach a provider: *status is JF_OK, JF_E_UNAVAILABLE or JF_E_MISMATCH. JF_E_GONE.
     */
    jf_code (*status)(const jf_host *host, jf_binding binding, jf_code *status);
    /**
     * [any-thread] Calls a method and waits for its result, at most `timeout` ms (1 to 3,600,000). A method may fail
     * whether or not its signature has `throws`; without it, only function pointers cannot return the failure. Returns
     * result->code:
     *   JF_OK and the failures that the method returns; a code above 0 becomes JF_E_FAILED
     *   JF_E_UNAVAILABLE  no provider, or it stopped before it answered
     *   JF_E_DEADLOCK     the provider's thread waits, directly or through other calls, for this thread
     *   JF_E_TIMEOUT      no result in time; the method may still run
     *   JF_E_LIMIT        the provider's queue is full
     *   JF_E_STATE        on an event loop, for a method that does not run inline: use call_async
     *   JF_E_INVALID      an argument has not the type that the signature says; result->message says which, not the log
     *   JF_E_MISMATCH     the provider's minor version or a signature differs, so it was not called; or the provider
     *                     gave a result of another type than its signature says
     *   JF_E_GONE         the binding was ended
     * Call release when result->storage is not NULL. A method with JF_RUN_INLINE runs on the calling thread and ignores
     * the timeout; the host takes no lock and, if the result holds no bytes, no memory for it.
     */
    jf_code (*call)(const jf_host *host, jf_binding binding, uint32_t method, const jf_value *args, uint32_t arg_count,
                    uint32_t timeout, jf_result *result);
    /**
     * [any-thread] Calls a method without waiting; never blocks. JF_OK: `answered` is called exactly once, on this
     * plugin's strand, with a result as `call` has it. Otherwise UNAVAILABLE, MISMATCH, INVALID (the log says why),
     * GONE, STATE, or JF_E_LIMIT: this plugin waits for 65,536 answers. A result is JF_E_LIMIT if those that wait for
     * the strand exceed limits.pluginResultBytes, of which one result may use half.
     */
    jf_code (*call_async)(const jf_host *host, jf_binding binding, uint32_t method, const jf_value *args,
                          uint32_t arg_count, uint32_t timeout, jf_result_fn answered, void *context);
    /**
     * [any-thread] Stores a C function pointer of the method's own type (docs/signatures.md), which calls as `call`
     * with a timeout of 30 s, from any thread. It is valid for the life of the process and calls whichever plugin
     * provides the service at that moment. If a call fails, a function that returns a jf_code (`throws`, or a result of
     * string, bytes or json) returns the code; any other returns 0, and the log says why. The same pointer is stored
     * for the same method. JF_E_UNSUPPORTED: the type of the result has no form in C, or it is `cstring`, which nobody
     * would free. JF_E_LIMIT: the plugin has 4,096 function pointers. JF_E_GONE.
     */
    jf_code (*c_function)(const jf_host *host, jf_binding binding, uint32_t method, jf_fn *pointer, jf_error *error);
    /** [any-thread] Frees the storage of a result that `call` filled, and sets it to NULL. */
    jf_code (*release)(const jf_host *host, jf_result *result);
    /** [callback] In a method: copies `value`, with what it points to, as the result. JF_E_LIMIT: over 64 MiB. */
    jf_code (*set_result)(const jf_host *host, const jf_call *call, const jf_value *value);
    /**
     * [any-thread] Answers a call whose reply was kept. `code` JF_OK: `value` is the result (NULL: none), and `message`
     * is ignored. Otherwise it failed, and `message` says why. JF_E_INVALID for a value of a wrong type uses up the
     * token: the caller gets JF_E_MISMATCH. JF_E_GONE: the caller does not wait any more.
     */
    jf_code (*complete)(const jf_host *host, jf_token reply, jf_code code, const jf_value *value, jf_text message);
} jf_services_api;

/* ------------------------------------------------------------------------------------------------------------
 * 7  THE EXPORTED FUNCTION
 */

/** The argument of jf_plugin_main. Valid for the life of the process. */
typedef struct jf_boot {
    uint32_t       struct_size;
    uint32_t       abi;          /**< the host's JF_ABI */
    const jf_host *host;
    jf_text        host_version; /**< for logs only; to find out what the host can do, query interfaces */
    /**
     * [any-thread, always] Fills `table` (`size` bytes) with the interface `id`, a terminated string such as JF_EVENTS.
     * JF_E_UNSUPPORTED: this host has no such interface; every slot then returns that.
     */
    jf_code (*query)(const jf_host *host, const char *id, void *table, uint64_t size);
    jf_text        name;         /**< the name of the plugin's entry in the configuration; empty: the descriptor's name
                                      is used */
    jf_text        path;         /**< the path of the plugin's file, as the host found it */
} jf_boot;

#if defined(_WIN32)
#define JF_EXPORT __declspec(dllexport)
#else
#define JF_EXPORT __attribute__((visibility("default")))
#endif

/** The type of the exported function. */
typedef jf_code (*jf_plugin_main_fn)(const jf_boot *boot, jf_plugin *plugin);

/**
 * [strand] Fills the descriptor and fetches interfaces. It must not do I/O, because tools call it, too. A result other
 * than JF_OK fails the load. Languages that declare the exported function themselves (cgo, for instance) define
 * JF_NO_ENTRY.
 */
#ifndef JF_NO_ENTRY
JF_EXPORT jf_code jf_plugin_main(const jf_boot *boot, jf_plugin *plugin);
#endif

#ifdef __cplusplus
}
#endif

#endif /* JACKFIELD_H */
