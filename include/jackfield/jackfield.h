/*
 * jackfield.h: everything a Jackfield plugin sees of its host, and all of it.
 *
 * SPDX-License-Identifier: Apache-2.0
 *
 * A plugin is a shared library that exports one function. It links against nothing of ours: this header is
 * the whole boundary, C99 and C++17, for every language that can make a shared library. A complete plugin:
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
 *     static const jf_event_decl events[] = {
 *         { .name = JF_LIT("hello"), .handler = on_hello },
 *     };
 *
 *     int32_t jf_plugin_main(const jf_boot *boot, jf_plugin *plugin) {
 *         host = boot->host;
 *         jf_describe(plugin, "hello", "1.0.0");
 *         plugin->events = (jf_event_list)JF_LIST(events);
 *         return boot->query(host, JF_EVENTS, &io, sizeof io);
 *     }
 *
 *     cc -shared -fPIC -I include -o hello.so hello.c
 *     jackfield serve --plugin ./hello.so
 *
 * CONTENTS
 *      1  Compatibility                 what may change, and what never will
 *      2  Threads and states            the tag on every function
 *      3  Words                         text, bytes, handles, tokens, result codes
 *      4  What you are handed           event, message, selection, attempt, request ...
 *      5  What you declare              events, namespaces, routes, timers: the descriptor
 *      6  What you may call             the interfaces: core, tokens, events, sockets, rooms,
 *                                       presence, timers, http, json
 *      7  The one function you export
 *
 * ------------------------------------------------------------------------------------------------------------
 * 1  COMPATIBILITY
 *
 *  - JF_ABI names the calling convention of the boundary itself. It changes only if everything does;
 *    a host refuses a plugin of another JF_ABI before calling anything else in it.
 *  - Interfaces are asked for by id and revision ("jf.events/1"). A released interface is never changed: new
 *    functions are appended, new meanings get new names. You pass your table's size; the host fills every slot
 *    it knows and puts a function returning JF_E_UNSUPPORTED into those it does not. No slot is ever NULL, so
 *    a plugin built against a newer header runs on an older host and learns what it lacks by calling it.
 *  - Every structure begins with its size, and grows only at its end. Before reading a field that was added
 *    later, compare struct_size. Lists carry the size of one item (`stride`) for the same reason.
 *  - Integers have fixed width; there is no long, bool, bit-field or enum-typed field, and no name that is a
 *    keyword of C++ or Swift. A constant you do not know, in a field the host filled, means "ignore this".
 *
 * OWNERSHIP
 *
 *  - Nobody frees the other side's memory.
 *  - What a callback receives is borrowed until it returns. What you pass to the host is borrowed until the
 *    call returns; the host copies what it keeps.
 *  - What the descriptor points at (lists, names, functions) must live as long as the plugin does: make it
 *    static. An image is never unmapped, so function pointers stay valid for the life of the process.
 *
 * ------------------------------------------------------------------------------------------------------------
 * 2  THREADS AND STATES
 *
 * Every function bears one of these:
 *
 *  [init]        inside jf_plugin_main, create or start. One thread at a time.
 *  [strand]      on the plugin's strand: one call at a time, each seeing the memory effects of the one before;
 *                not always the same OS thread, so keep no thread-locals between calls.
 *  [run]         where the declaration says (`run`, section 5): the strand unless you chose otherwise.
 *  [any-thread]  whenever the plugin is alive, from any thread, also from inside a callback. Never blocks.
 *
 * After destroy has returned every call returns JF_E_STATE. Callbacks that were promised (answers, fetches) are made before stop.
 *
 * A callback may take its time: it holds up its own plugin and nobody else. Its queue is bounded (by default
 * 10,000 callbacks or 16 MiB, configurable); what does not fit is refused with an error that the client sees
 * ({"error":{"code":"overloaded",...}} to an ack, 503 to HTTP) and counted. One socket, and one user, may have a
 * share of it waiting; and while more waits than the plugin has time for (more than 5 ms), users take turns, and
 * within a user sockets do. The exception is JF_RUN_INLINE.
 *
 * Order: calls that one thread makes for one socket take effect in the order made. A join followed by a
 * broadcast to the room reaches the socket that joined. Callbacks for one socket come in the order in which
 * things happened to it; those for different sockets may overtake each other. What is asked for many sockets
 * (join_all, leave_all, disconnect_all, fetch, broadcast_ack) is done in pieces, between which the event loop serves
 * others; a broadcast is not cut.
 */
#ifndef JACKFIELD_H
#define JACKFIELD_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#ifdef __cplusplus
extern "C" {
#endif

/** The revision of the boundary itself; see section 1. */
#define JF_ABI 1

/* ------------------------------------------------------------------------------------------------------------
 * 3  WORDS
 */

/** UTF-8, not terminated. `ptr` may be NULL when `len` is 0. Where JSON is asked for, it is said. */
typedef struct jf_text {
    const char *ptr;
    uint64_t    len;
} jf_text;

/** Octets. `ptr` may be NULL when `len` is 0. */
typedef struct jf_bytes {
    const uint8_t *ptr;
    uint64_t       len;
} jf_bytes;

/** A string literal as an initialiser: `.name = JF_LIT("hello")`. */
#define JF_LIT(literal) { (literal), sizeof(literal) - 1 }

/** A string literal as an expression: `io.ack(host, ack, JF_TEXT("[]"), NULL, 0)`. */
#ifdef __cplusplus
#define JF_TEXT(literal) (jf_text JF_LIT(literal))
#else
#define JF_TEXT(literal) ((jf_text)JF_LIT(literal))
#endif

/** A terminated string as text. The bytes stay the caller's. */
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

/** An array as a list: `plugin->events = (jf_event_list)JF_LIST(events)`. */
#define JF_LIST(array) { (array), (uint32_t)(sizeof(array) / sizeof (array)[0]), (uint32_t)sizeof (array)[0] }

/** The host, as this plugin knows it: the first argument of every call. Not to be looked into, never freed. */
typedef struct jf_host jf_host;

/**
 * Handles name what the host owns. They carry a generation: one whose object is gone is answered with
 * JF_E_GONE for ever, never with somebody else's object. 0 names nothing.
 */
typedef uint64_t jf_socket; /**< one client in one namespace */
typedef uint64_t jf_timer;  /**< a timer made with jf_timers_api.after */
typedef uint64_t jf_stream; /**< an HTTP response that is still being written */

/**
 * A token is an answer that somebody waits for: an ack, an HTTP response, a decision on a connection.
 * It is completed exactly once, from any thread; the second attempt returns JF_E_GONE.
 * It is borrowed for the callback that received it: to answer later, jf_tokens_api.keep it. If the client
 * goes away, or the plugin does, the host completes it (and your own attempt returns JF_E_GONE).
 * 0 means that nobody waits; completing it returns JF_E_GONE and does no harm.
 */
typedef uint64_t jf_token;

/* Result codes. 0 is success, positive is success with a remark, negative is failure. */
#define JF_OK             0
#define JF_LATER          1    /**< returned by a callback: the decision comes later, through its token */
#define JF_E_FAILED      (-1)  /**< failed for a reason of its own: see the message beside it, or the log */
#define JF_E_INVALID     (-2)  /**< an argument is wrong; the host's log says which, and why */
#define JF_E_GONE        (-3)  /**< the object of this handle or token is no more, or it was completed before */
#define JF_E_UNSUPPORTED (-4)  /**< this host has no such interface or function */
#define JF_E_LIMIT       (-5)  /**< a documented limit is reached; nothing was done */
#define JF_E_SPACE       (-6)  /**< your buffer is too small; the length needed was stored */
#define JF_E_NOT_FOUND   (-7)  /**< nothing there */
#define JF_E_DENIED      (-8)  /**< refused, on purpose */
#define JF_E_TIMEOUT     (-9)  /**< no answer in time */
#define JF_E_STATE      (-10)  /**< not in this state or on this thread; see the function's tag */

/** A failure in words. The host passes one zeroed; fill it with jf_fail. */
typedef struct jf_error {
    uint32_t struct_size;
    int32_t  code;
    char     message[504]; /**< UTF-8, terminated: what was wrong, where, and what to do */
} jf_error;

/** Copies `message` (cut if too long) into `error`, which may be NULL, and returns `code`. */
static inline int32_t jf_fail(jf_error *error, int32_t code, const char *message) {
    if (error) {
        size_t n = strlen(message), most = sizeof error->message - 1;
        if (n > most) n = most;
        error->code = code;
        memcpy(error->message, message, n);
        error->message[n] = 0;
    }
    return code;
}

/** A name and its value: an HTTP header, a query parameter, a part of a path. */
typedef struct jf_pair {
    jf_text name;
    jf_text value;
} jf_pair;

/** The value beside `name` (compared exactly; the host gives header names in lower case), or empty text. */
static inline jf_text jf_find(const jf_pair *pairs, uint32_t count, const char *name) {
    jf_text wanted = jf_text_of(name), none = { NULL, 0 };
    uint32_t i;
    for (i = 0; i < count; i++)
        if (jf_text_equal(pairs[i].name, wanted)) return pairs[i].value;
    return none;
}

/* ------------------------------------------------------------------------------------------------------------
 * 4  WHAT YOU ARE HANDED
 */

/** An event from a client: `socket.emit("name", arg, ...)`. */
typedef struct jf_event {
    uint32_t        struct_size;
    uint32_t        attachment_count;
    jf_socket       socket;      /**< who sent it */
    jf_token        ack;         /**< not 0: the client waits for an answer */
    jf_text         nsp;         /**< namespace, "/" or "/name" */
    jf_text         name;
    jf_text         args;        /**< JSON, validated: one array of all arguments, "[]" if there are none */
    const jf_bytes *attachments; /**< binary arguments; in args they are {"_placeholder":true,"num":i} */
    jf_text         user;        /**< the user of the token, empty for an anonymous socket */
    void           *context;     /**< of the declaration */
} jf_event;

#define JF_MESSAGE_VOLATILE      1u /**< drop it where the transport cannot take it now */
#define JF_MESSAGE_UNCOMPRESSED  2u /**< do not spend compression on it */

/** An event to a client. The text of `args` is validated once and then passed on as it is. */
typedef struct jf_message {
    uint32_t        struct_size; /**< sizeof(jf_message), or 0 for the first released size */
    uint32_t        flags;       /**< JF_MESSAGE_* */
    jf_text         name;        /**< 1 byte or more; not one of Socket.IO's reserved names */
    jf_text         args;        /**< JSON array; empty text stands for "[]" */
    const jf_bytes *attachments; /**< binary arguments, each named in args by its placeholder */
    uint32_t        attachment_count; /**< at most 10 */
    uint32_t        reserved;    /**< 0 */
} jf_message;

#define JF_SELECT_EVERY_NSP 1u /**< all namespaces; `nsp` is not looked at */
#define JF_SELECT_LOCAL     2u /**< this node only, where there are several */

/**
 * Sockets of a namespace: those in any of `rooms` or of `user`, or all of them if neither is given; without
 * those in any of `except`, and without `except_socket`. A socket in several of the rooms counts once.
 * A socket's own id is a room, and so is "user:" with the id of its user.
 */
typedef struct jf_selection {
    uint32_t       struct_size; /**< sizeof(jf_selection), or 0 for the first released size */
    uint32_t       flags;       /**< JF_SELECT_* */
    jf_text        nsp;         /**< empty text stands for "/" */
    jf_text        user;        /**< every socket of this user, on all tabs and devices */
    const jf_text *rooms;
    const jf_text *except;
    uint32_t       room_count;
    uint32_t       except_count;
    jf_socket      except_socket; /**< usually the sender; 0 for nobody */
} jf_selection;

/** What a client answered to an event that was emitted with an ack. */
typedef struct jf_answer {
    uint32_t        struct_size;
    int32_t         status;      /**< JF_OK, JF_E_TIMEOUT, JF_E_LIMIT (it owes too many answers), or JF_E_GONE: it left first */
    jf_socket       socket;
    jf_text         args;        /**< JSON array; "[]" unless status is JF_OK */
    const jf_bytes *attachments;
    uint32_t        attachment_count;
    uint32_t        reserved;
} jf_answer;

/** [strand] Called exactly once for each emit_ack that returned JF_OK. */
typedef void (*jf_answer_fn)(void *instance, void *context, const jf_answer *answer);

/** What the clients of a selection answered. */
typedef struct jf_answers {
    uint32_t         struct_size;
    int32_t          status;     /**< JF_OK: all answered; JF_E_TIMEOUT: these did; JF_E_GONE: this plugin is stopping */
    uint32_t         expected;   /**< how many were asked */
    uint32_t         count;
    const jf_answer *items;
} jf_answers;

/** [strand] Called exactly once for each broadcast_ack that returned JF_OK. */
typedef void (*jf_answers_fn)(void *instance, void *context, const jf_answers *answers);

/** A request that would open a session, on either transport: there is no session, no socket and no user yet. */
typedef struct jf_handshake {
    uint32_t       struct_size;
    uint32_t       header_count;
    const jf_pair *headers; /**< names in lower case */
    jf_text        url;     /**< path and query as sent */
    jf_text        address; /**< of the peer */
    int32_t        secure;  /**< 1: over TLS */
    int32_t        reserved;
} jf_handshake;

/** A client asks to join a namespace. Its token, if the host asks for one, has been verified already. */
typedef struct jf_attempt {
    uint32_t struct_size;
    uint32_t reserved;
    jf_token decision;  /**< to decide later: keep it, return JF_LATER, then jf_sockets_api.accept or .refuse */
    jf_text  nsp;
    jf_text  auth;      /**< JSON object: what the client's `auth` option sent, "{}" if nothing */
    jf_text  user;      /**< empty: anonymous */
    jf_text  claims;    /**< JSON object: the claims of the token, "{}" if anonymous */
    jf_text  handshake; /**< JSON object: headers, query, url, address, secure, time, issued */
    void    *context;   /**< of the declaration */
} jf_attempt;

/**
 * Why a client may not join: becomes CONNECT_ERROR {"message": ..., "data": ...}. Or why a request may open no
 * session: then only the message counts. Fill it with jf_refuse.
 */
typedef struct jf_refusal {
    uint32_t struct_size;
    uint32_t reserved;
    char     message[248]; /**< UTF-8, terminated */
    char     data[1024];   /**< JSON, terminated; empty: no data */
} jf_refusal;

/** Fills `refusal` and returns JF_E_DENIED. `data` is JSON or NULL; JSON that does not fit is left out. */
static inline int32_t jf_refuse(jf_refusal *refusal, const char *message, const char *data) {
    size_t n = strlen(message), m = data ? strlen(data) : 0;
    if (n >= sizeof refusal->message) n = sizeof refusal->message - 1;
    if (m >= sizeof refusal->data) m = 0;
    memcpy(refusal->message, message, n);
    refusal->message[n] = 0;
    if (m) memcpy(refusal->data, data, m);
    refusal->data[m] = 0;
    return JF_E_DENIED;
}

/** A socket has come or is going. */
typedef struct jf_socket_event {
    uint32_t       struct_size;
    uint32_t       room_count;
    jf_socket      socket;
    jf_text        nsp;
    jf_text        id;     /**< the Socket.IO id: what the client calls socket.id; a room of that name exists */
    jf_text        user;   /**< empty: anonymous */
    jf_text        auth;   /**< JSON object: what the client sent with CONNECT (connected only) */
    jf_text        reason; /**< why it goes, in the reference server's words; empty while it comes */
    const jf_text *rooms;  /**< the rooms it leaves (disconnecting only), its own id first */
    int32_t        recovered; /**< 1: a recovered connection, rooms and data are back (connected only) */
    int32_t        reserved;
    void          *context;   /**< of the declaration */
} jf_socket_event;

/** A user has come online (0 -> 1 connections) or gone offline (1 -> 0, after the grace). */
typedef struct jf_presence_edge {
    uint32_t struct_size;
    int32_t  online; /**< 1 or 0 */
    jf_text  user;
    int64_t  at;     /**< milliseconds since 1970-01-01 UTC */
} jf_presence_edge;

/** An HTTP request to a declared route. */
typedef struct jf_request {
    uint32_t       struct_size;
    uint32_t       param_count;
    jf_token       reply;   /**< complete it with jf_http_api.respond, .problem or .stream */
    jf_text        method;
    jf_text        path;    /**< as the client wrote it, without the query */
    const jf_pair *params;  /**< the {names} of the declared path, percent-decoded */
    const jf_pair *query;   /**< percent-decoded, in order */
    const jf_pair *headers; /**< names in lower case */
    uint32_t       query_count;
    uint32_t       header_count;
    jf_bytes       body;
    jf_text        user;    /**< empty: anonymous */
    jf_text        claims;  /**< JSON object, "{}" if anonymous */
    jf_text        address; /**< of the peer */
    void          *context; /**< of the declaration */
} jf_request;

/** An HTTP response. Content-Length and the connection headers are the host's. */
typedef struct jf_response {
    uint32_t       struct_size; /**< sizeof(jf_response), or 0 for the first released size */
    uint32_t       status;      /**< 200 to 599 */
    const jf_pair *headers;     /**< at most 64 */
    uint32_t       header_count;
    uint32_t       reserved;
    jf_text        content_type; /**< empty text stands for "application/json" */
    jf_bytes       body;
} jf_response;

/* What a JSON value is. */
#define JF_JSON_NULL   1u
#define JF_JSON_FALSE  2u
#define JF_JSON_TRUE   3u
#define JF_JSON_NUMBER 4u
#define JF_JSON_STRING 5u
#define JF_JSON_ARRAY  6u
#define JF_JSON_OBJECT 7u

/** A value inside a JSON document. It points into that document and lives as long. */
typedef struct jf_json {
    uint32_t struct_size; /**< set by you: sizeof(jf_json), or 0 for the first released size */
    uint32_t kind;     /**< JF_JSON_* */
    jf_text  raw;      /**< the value as it stands there, a string with its quotes */
    double   number;   /**< of a number; else 0 */
    int64_t  integer;  /**< of a number that is an integer within int64_t; else 0 */
    int32_t  is_integer; /**< 1 if `integer` is exact */
    uint32_t count;    /**< elements of an array, members of an object; else 0 */
} jf_json;

/* ------------------------------------------------------------------------------------------------------------
 * 5  WHAT YOU DECLARE
 *
 * Each declaration has a `context` that comes back with every callback it causes, so that a binding for another
 * language needs one C function for all its handlers.
 *
 * Registration is declarative: the host reads it after `create` succeeded, and undoes all of it when the plugin
 * goes. What two plugins both claim (an event of one namespace, a route) belongs to the first; the second fails
 * to load, and its operator reads why.
 */

/* Where a callback runs. */
#define JF_RUN_STRAND   0u /**< one at a time, in order: the default, and right unless measured otherwise */
#define JF_RUN_BY_USER  1u /**< in order for each user (anonymous: each socket); several users at once */
#define JF_RUN_BY_KEY   2u /**< in order for each value at `run_key`, a JSON pointer into args such as "/0/room" */
#define JF_RUN_PARALLEL 3u /**< several at once, in no order; BY_USER, BY_KEY and this share 4 to 32 threads */
/**
 * On the event loop itself, at once, on several loops at a time: the shortest way from wire to wire. The
 * handler must not block, not for a lock or a file, and should return within 50 microseconds: while it runs
 * every other socket of that loop waits. The host measures it and warns.
 */
#define JF_RUN_INLINE   4u

/** [run] An event has come. */
typedef void (*jf_event_fn)(void *instance, const jf_event *event);

#define JF_EVENT_OBSERVE 1u /**< see every event of the namespace beside its handler; `ack` is 0 */

/** An event you handle. Without a name: every event of the namespace that nobody declared by name. */
typedef struct jf_event_decl {
    jf_text     nsp;     /**< empty text stands for "/"; the name or the pattern of a jf_nsp_decl */
    jf_text     name;
    jf_event_fn handler;
    uint32_t    run;     /**< JF_RUN_* */
    uint32_t    flags;   /**< JF_EVENT_* */
    jf_text     run_key; /**< for JF_RUN_BY_KEY */
    void       *context; /**< yours: comes back in jf_event */
} jf_event_decl;

typedef struct jf_event_list {
    const jf_event_decl *items;
    uint32_t             count;
    uint32_t             stride;
} jf_event_list;

#define JF_NSP_PATTERN 1u /**< `name` is a POSIX extended regular expression: "^/dyn-[0-9]+$" */

/**
 * A namespace that you serve, or watch: several plugins may declare one, and then all hooks are asked, in the
 * order of loading. Patterns are tried in that order too, after the names, and the first that matches counts.
 * "/" always exists.
 */
typedef struct jf_nsp_decl {
    jf_text  name;
    uint32_t flags; /**< JF_NSP_* */
    uint32_t run;   /**< JF_RUN_*, not BY_KEY; for all four */
    /**
     * [run] May this client join? JF_OK: yes, as far as you are concerned. JF_E_DENIED: no, with `refusal`
     * (see jf_refuse). JF_LATER, after the decision was kept: jf_sockets_api.accept or .refuse tells; the client
     * is closed at the host's connectTimeout. Anything else is a failure and refuses with a general message.
     * NULL: everyone may.
     */
    int32_t (*admit)(void *instance, const jf_attempt *attempt, jf_refusal *refusal);
    void (*connected)(void *instance, const jf_socket_event *event);     /**< [run] NULL: not interested */
    void (*disconnecting)(void *instance, const jf_socket_event *event); /**< [run] with its rooms; or NULL */
    void (*disconnected)(void *instance, const jf_socket_event *event);  /**< [run] it is gone; or NULL */
    void *context; /**< yours: comes back in jf_attempt and jf_socket_event */
} jf_nsp_decl;

typedef struct jf_nsp_list {
    const jf_nsp_decl *items;
    uint32_t           count;
    uint32_t           stride;
} jf_nsp_list;

/** [run] A request has come. Not answered and not kept when it returns: the host answers 500. */
typedef void (*jf_request_fn)(void *instance, const jf_request *request);

#define JF_AUTH_REQUIRED 0u /**< a valid token, else 401; the default */
#define JF_AUTH_OPTIONAL 1u /**< none, or a valid one; a wrong one is 401 */
#define JF_AUTH_NONE     2u /**< the Authorization header is not looked at */

/** An HTTP route. */
typedef struct jf_route_decl {
    jf_text       method;  /**< "GET", "POST" ... */
    jf_text       path;    /**< "/v1/rooms/{id}/members": a {name} matches one segment */
    jf_request_fn handler;
    uint32_t      run;     /**< JF_RUN_*; BY_KEY takes the parameter named by run_key */
    uint32_t      auth;    /**< JF_AUTH_* */
    jf_text       scope;   /**< a scope that the token must grant, else 403; empty: none */
    jf_text       run_key;
    void         *context; /**< yours: comes back in jf_request */
} jf_route_decl;

typedef struct jf_route_list {
    const jf_route_decl *items;
    uint32_t             count;
    uint32_t             stride;
} jf_route_list;

/** [strand] A timer has fired, or a posted function runs. */
typedef void (*jf_task_fn)(void *instance, void *context);

/** A timer for as long as the plugin lives. Late firings are not made up for. */
typedef struct jf_timer_decl {
    jf_task_fn handler;
    void      *context;
    uint64_t   interval; /**< milliseconds, 10 or more; the first firing comes one interval after start */
} jf_timer_decl;

typedef struct jf_timer_list {
    const jf_timer_decl *items;
    uint32_t             count;
    uint32_t             stride;
} jf_timer_list;

/**
 * The descriptor. The host passes it zeroed, with room for 4096 bytes whatever the size it knows, so that a
 * newer plugin may fill more than an older host reads. Begin with jf_describe. What is left zero is not used.
 */
typedef struct jf_plugin {
    uint32_t struct_size;
    uint32_t abi;
    jf_text  name;    /**< 1 to 64 of a-z, 0-9 and '-': how logs, metrics and operators call it */
    jf_text  version; /**< semantic version */

    /** [init] Makes the instance, which every other callback gets. May do I/O. On failure: jf_fail(error, ...). */
    int32_t (*create)(const jf_host *host, void **instance, jf_error *error);
    /** [strand] All declarations are in force; handlers may already have been called. */
    int32_t (*start)(void *instance, jf_error *error);
    /**
     * [strand] The last callback but destroy: finish what is under way. Declarations are no longer in force. Where the whole host stops, the clients
     * are closed before: they were given time for the answers they waited for, and every hook has been called.
     */
    void (*stop)(void *instance);
    /** [strand] Frees the instance. Threads of your own must have ended when it returns. */
    void (*destroy)(void *instance);

    jf_event_list events;
    jf_nsp_list   nsps;
    jf_route_list routes;
    jf_timer_list timers;

    /** [strand] Edges of the users that were watched with jf_presence_api.watch. */
    void (*presence)(void *instance, const jf_presence_edge *edge);
    /** [strand] Is this plugin able to work (is its store reachable)? JF_OK: /readyz says so too. NULL: always. */
    int32_t (*ready)(void *instance, jf_error *error);
    /**
     * Runs as JF_RUN_INLINE does: on the event loops, several at once, and must not block. May this request open a
     * session (`allowRequest` of the reference server)? JF_OK: yes, as far as you are concerned. JF_E_DENIED: no,
     * with the message of `refusal`; the client reads {"code":4,"message":...}. Anything else refuses too. NULL:
     * everybody may. Who may *join* is better asked in a namespace's admit, which knows the user.
     */
    int32_t (*handshake)(void *instance, const jf_handshake *request, jf_refusal *refusal);
} jf_plugin;

/** How big the descriptor may become before JF_ABI changes. */
#define JF_PLUGIN_ROOM 4096

/** Begins the descriptor. Both strings must be static. */
static inline void jf_describe(jf_plugin *plugin, const char *name, const char *version) {
    plugin->struct_size = (uint32_t)sizeof *plugin;
    plugin->abi = JF_ABI;
    plugin->name = jf_text_of(name);
    plugin->version = jf_text_of(version);
}

/* ------------------------------------------------------------------------------------------------------------
 * 6  WHAT YOU MAY CALL
 *
 * Ask for a table with boot->query, once, in jf_plugin_main or create. Every table begins with its size and the
 * revision that answered. Where a function writes into your buffer (`out`, `capacity`) it stores the length
 * needed in *length in any case, writes nothing if it does not fit, and then returns JF_E_SPACE.
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
    /** [any-thread] Writes a line under the plugin's name. Beyond 100 lines a second they are counted, not written. */
    int32_t (*log)(const jf_host *host, uint32_t level, jf_text line);
    /** [any-thread] The plugin's `config` as JSON, "{}" if there is none. Lives as long as the plugin. */
    int32_t (*config)(const jf_host *host, jf_text *json);
    /** [any-thread] Milliseconds since 1970-01-01 UTC. May jump. */
    int64_t (*wall_ms)(const jf_host *host);
    /** [any-thread] Nanoseconds since some moment. Never goes back. */
    int64_t (*mono_ns)(const jf_host *host);
    /** [any-thread] Runs `fn` on the strand, after what was posted before, soon if clients wait. JF_E_LIMIT if the queue is full. */
    int32_t (*post)(const jf_host *host, jf_task_fn fn, void *context);
    /** [any-thread] What a result code means, in a few words of static text. JF_E_NOT_FOUND: no such code. */
    int32_t (*describe)(const jf_host *host, int32_t code, jf_text *words);
    /**
     * [any-thread] Calls `fn` here and now, once, before it returns JF_OK. What `fn` emits, answers and asks of sockets
     * from this thread goes on its way together when it has returned, in order: each event loop is woken once for all of
     * it, and each client gets its part in one piece. For what becomes due at once on a thread of your own, such as the
     * answers to all requests of one commit. Keep it short: the first emit waits for the last. What others emit does not
     * wait. An inner call is part of the outer one. On an event loop it only calls `fn`: there a turn goes out together anyway.
     * JF_E_STATE, without a call: the plugin was unloaded.
     */
    int32_t (*together)(const jf_host *host, jf_task_fn fn, void *context);
} jf_core_api;

/* ---- jf.tokens/1: answers that come later ------------------------------------------------------------------ */
#define JF_TOKENS "jf.tokens/1"

typedef struct jf_tokens_api {
    uint32_t struct_size;
    uint32_t revision;
    /**
     * [run] Keeps the token of the callback under way, so that it can be completed later, from any thread, with
     * the kept token stored in *kept; the borrowed one is then used up. JF_E_LIMIT beyond 65,536 kept at a time.
     */
    int32_t (*keep)(const jf_host *host, jf_token token, jf_token *kept);
    /** [any-thread] Gives a kept token back unanswered: an ack is never sent, a request gets 500, a connection is refused. */
    int32_t (*drop)(const jf_host *host, jf_token kept);
    /** [any-thread] 1 while somebody still waits for this kept token, else 0: worth asking before long work. */
    int32_t (*waits)(const jf_host *host, jf_token kept);
} jf_tokens_api;

/* ---- jf.events/1: to clients ------------------------------------------------------------------------------- */
#define JF_EVENTS "jf.events/1"

typedef struct jf_events_api {
    uint32_t struct_size;
    uint32_t revision;
    /** [any-thread] To one socket. JF_OK: it is on its way, in order; JF_E_GONE: there is no such socket. */
    int32_t (*emit)(const jf_host *host, jf_socket to, const jf_message *message);
    /** [any-thread] To one socket, which is asked to answer within `timeout` ms (1 to 3,600,000). */
    int32_t (*emit_ack)(const jf_host *host, jf_socket to, const jf_message *message, uint32_t timeout,
                        jf_answer_fn fn, void *context);
    /** [any-thread] To all of a selection; encoded once. JF_OK also if nobody is there. */
    int32_t (*broadcast)(const jf_host *host, const jf_selection *to, const jf_message *message);
    /** [any-thread] To all of a selection, each asked to answer within `timeout` ms (1 to 3,600,000). */
    int32_t (*broadcast_ack)(const jf_host *host, const jf_selection *to, const jf_message *message,
                             uint32_t timeout, jf_answers_fn fn, void *context);
    /** [any-thread] Answers an event: `args` is a JSON array, empty text stands for "[]". */
    int32_t (*ack)(const jf_host *host, jf_token token, jf_text args, const jf_bytes *attachments,
                   uint32_t attachment_count);
    /** [any-thread] Answers an event with {"error":{"code":...,"message":...}}, as every failing ack of the house. */
    int32_t (*ack_error)(const jf_host *host, jf_token token, jf_text code, jf_text message);
} jf_events_api;

/* ---- jf.sockets/1: who is connected ------------------------------------------------------------------------ */
#define JF_SOCKETS "jf.sockets/1"

/* Parts of a socket's description. */
#define JF_PART_ID        1u  /**< "id": text, and "nsp": text */
#define JF_PART_USER      2u  /**< "user": text or null */
#define JF_PART_CLAIMS    4u  /**< "claims": object */
#define JF_PART_HANDSHAKE 8u  /**< "handshake": {headers, query, url, address, secure, time, issued, auth} */
#define JF_PART_DATA      16u /**< "data": any value */
#define JF_PART_ROOMS     32u /**< "rooms": array of text, the own id first; jf_sockets_api.fetch only */

/** The sockets of a selection. */
typedef struct jf_fetched {
    uint32_t         struct_size;
    int32_t          status;  /**< JF_OK; JF_E_LIMIT: more than 100,000 match, these are some; JF_E_GONE: this plugin is stopping */
    const jf_socket *sockets;
    uint64_t         count;
    jf_text          json;    /**< array, in the order of `sockets`, with the parts asked for */
} jf_fetched;

/** [strand] Called exactly once for each fetch that returned JF_OK. */
typedef void (*jf_fetched_fn)(void *instance, void *context, const jf_fetched *fetched);

typedef struct jf_sockets_api {
    uint32_t struct_size;
    uint32_t revision;
    /** [any-thread] Writes a JSON object with the parts asked for (JF_PART_*, not ROOMS) into your buffer. */
    int32_t (*describe)(const jf_host *host, jf_socket of, uint32_t parts, char *out, uint64_t capacity,
                        uint64_t *length);
    /** [any-thread] Replaces the socket's data: any JSON value up to 65,536 bytes. All plugins see the same. */
    int32_t (*set_data)(const jf_host *host, jf_socket of, jf_text json);
    /** [any-thread] 0: leaves its namespace, with a DISCONNECT packet. 1: the whole connection is closed. */
    int32_t (*disconnect)(const jf_host *host, jf_socket which, int32_t close);
    /** [any-thread] The same for all of a selection. */
    int32_t (*disconnect_all)(const jf_host *host, const jf_selection *which, int32_t close);
    /** [any-thread] Finds the sockets of a selection. `parts` may be 0: handles only. */
    int32_t (*fetch)(const jf_host *host, const jf_selection *which, uint32_t parts, jf_fetched_fn fn,
                     void *context);
    /** [any-thread] The decision on an attempt for which `admit` returned JF_LATER: yes. */
    int32_t (*accept)(const jf_host *host, jf_token decision);
    /** [any-thread] The same: no. `data` is JSON, or empty text for none. */
    int32_t (*refuse)(const jf_host *host, jf_token decision, jf_text message, jf_text data);
} jf_sockets_api;

/* ---- jf.rooms/1 -------------------------------------------------------------------------------------------- */
#define JF_ROOMS "jf.rooms/1"

typedef struct jf_rooms_api {
    uint32_t struct_size;
    uint32_t revision;
    /** [any-thread] Rooms need no creation and end with their last socket. A name has 1 to 256 bytes. */
    int32_t (*join)(const jf_host *host, jf_socket socket, jf_text room);
    /** [any-thread] */
    int32_t (*leave)(const jf_host *host, jf_socket socket, jf_text room);
    /** [any-thread] Every socket of the selection joins all the rooms. */
    int32_t (*join_all)(const jf_host *host, const jf_selection *which, const jf_text *rooms, uint32_t count);
    /** [any-thread] Every socket of the selection leaves all the rooms. */
    int32_t (*leave_all)(const jf_host *host, const jf_selection *which, const jf_text *rooms, uint32_t count);
    /** [any-thread] Who is in the room: jf_sockets_api.fetch with the parts ID and USER. */
    int32_t (*members)(const jf_host *host, jf_text nsp, jf_text room, jf_fetched_fn fn, void *context);
} jf_rooms_api;

/* ---- jf.presence/1 ----------------------------------------------------------------------------------------- */
#define JF_PRESENCE "jf.presence/1"

typedef struct jf_presence_api {
    uint32_t struct_size;
    uint32_t revision;
    /** [any-thread] 1 if the user is online, else 0. Stays 1 through the grace that swallows a page reload. */
    int32_t (*is_online)(const jf_host *host, jf_text user);
    /** [any-thread] How many connections the user has just now. */
    uint32_t (*connections)(const jf_host *host, jf_text user);
    /** [any-thread] How many users are online. */
    uint64_t (*online_count)(const jf_host *host);
    /** [any-thread] The descriptor's `presence` is called on this user's edges; empty text: on everybody's. */
    int32_t (*watch)(const jf_host *host, jf_text user);
    /** [any-thread] */
    int32_t (*unwatch)(const jf_host *host, jf_text user);
} jf_presence_api;

/* ---- jf.timers/1 ------------------------------------------------------------------------------------------- */
#define JF_TIMERS "jf.timers/1"

typedef struct jf_timers_api {
    uint32_t struct_size;
    uint32_t revision;
    /** [any-thread] Calls `fn` on the strand once, `delay` ms from now (at most 30 days), never early. */
    int32_t (*after)(const jf_host *host, uint64_t delay, jf_task_fn fn, void *context, jf_timer *timer);
    /** [any-thread] JF_OK: it will not be called. JF_E_GONE: it was, or it is about to be. */
    int32_t (*cancel)(const jf_host *host, jf_timer timer);
} jf_timers_api;

/* ---- jf.http/1: answers to requests ------------------------------------------------------------------------ */
#define JF_HTTP "jf.http/1"

typedef struct jf_http_api {
    uint32_t struct_size;
    uint32_t revision;
    /** [any-thread] The whole response. */
    int32_t (*respond)(const jf_host *host, jf_token reply, const jf_response *response);
    /** [any-thread] application/problem+json {"type":"about:blank","title","status","code","detail"}. */
    int32_t (*problem)(const jf_host *host, jf_token reply, uint32_t status, jf_text code, jf_text detail);
    /** [any-thread] The head of a response whose body comes in pieces; `response->body` is the first, if any. */
    int32_t (*stream)(const jf_host *host, jf_token reply, const jf_response *response, jf_stream *stream);
    /** [any-thread] A piece. JF_E_LIMIT: the client reads too slowly, nothing was taken, try later. JF_E_GONE: it left. */
    int32_t (*write)(const jf_host *host, jf_stream stream, jf_bytes piece);
    /** [any-thread] The body is complete. */
    int32_t (*end)(const jf_host *host, jf_stream stream);
} jf_http_api;

/* ---- jf.json/1: enough JSON to need no library ------------------------------------------------------------- */
#define JF_JSON "jf.json/1"

typedef struct jf_json_api {
    uint32_t struct_size;
    uint32_t revision;
    /** [any-thread] The value at an RFC 6901 pointer ("/0/room", "" for the whole). JF_E_NOT_FOUND; JF_E_INVALID: no JSON. */
    int32_t (*read)(const jf_host *host, jf_text document, jf_text pointer, jf_json *value);
    /** [any-thread] The text that a JSON string (`raw`, with its quotes) stands for, unescaped, into your buffer. */
    int32_t (*text)(const jf_host *host, jf_text raw, char *out, uint64_t capacity, uint64_t *length);
    /** [any-thread] Text as a JSON string, with quotes, into your buffer. JF_E_INVALID if it is no UTF-8. */
    int32_t (*quote)(const jf_host *host, jf_text text, char *out, uint64_t capacity, uint64_t *length);
    /**
     * [any-thread] The document with `value` (JSON) set at `pointer`, into your buffer: a member is replaced or
     * added, an element replaced, "-" appends. JF_E_NOT_FOUND if the parent does not exist. `out` must not
     * overlap the document.
     */
    int32_t (*write)(const jf_host *host, jf_text document, jf_text pointer, jf_text value, char *out,
                     uint64_t capacity, uint64_t *length);
} jf_json_api;

/* ------------------------------------------------------------------------------------------------------------
 * 7  THE ONE FUNCTION YOU EXPORT
 */

/** What the host hands to a plugin at the start. Lives as long as the process. */
typedef struct jf_boot {
    uint32_t       struct_size;
    uint32_t       abi;          /**< the host's JF_ABI */
    const jf_host *host;
    jf_text        host_version; /**< for logs; ask for interfaces, never for versions */
    /**
     * [init] Fills `table` (`size` bytes) with the interface `id`, a terminated string such as JF_EVENTS.
     * JF_E_UNSUPPORTED: this host has no such id; every slot then returns just that.
     */
    int32_t (*query)(const jf_host *host, const char *id, void *table, size_t size);
} jf_boot;

#if defined(_WIN32)
#define JF_EXPORT __declspec(dllexport)
#else
#define JF_EXPORT __attribute__((visibility("default")))
#endif

/**
 * [init] Fills the descriptor, asks for interfaces, and does no I/O: it is also called by tools that only want
 * to look. Returns JF_OK; anything else, and the plugin is not loaded.
 */
JF_EXPORT int32_t jf_plugin_main(const jf_boot *boot, jf_plugin *plugin);

#ifdef __cplusplus
}
#endif

#endif /* JACKFIELD_H */
