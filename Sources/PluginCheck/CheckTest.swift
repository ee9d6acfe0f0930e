/// One test of a plugin. ``all`` lists them in the order in which they run.
public struct CheckTest: Sendable {
    /// Lower-case letters and hyphens; what `--only` takes.
    public let name: String
    public let group: Group
    /// What is true when the test passes.
    public let title: String
    /// What to do if it is not.
    public let remedy: String
    /// Without these the test cannot say anything: it is skipped if one of them has failed.
    let needs: [String]
    let body: Body

    public enum Group: String, Sendable, CaseIterable {
        /// The bytes of the file; no code of the plugin runs.
        case file
        /// What the plugin declares; only its constructors and `jf_plugin_main` run, and `create` where it says so.
        case descriptor
        /// A host with clients runs the plugin.
        case running
        /// What the plugin leaves behind in the process.
        case process
    }

    enum Body: Sendable {
        case file(@Sendable (LibraryInspection) -> [CheckFinding])
        /// Runs in a process of its own, which is ended after `seconds`, not counting callbacks that use up their own
        /// deadline.
        case child(seconds: Int, @Sendable (CheckRun) throws -> Void)
    }

    /// Whether it says something about a plugin in a worker process. The others look at the process of the check, in
    /// which an isolated plugin does not run, or load the plugin in their own way.
    var appliesToWorkers: Bool {
        group == .file || group == .running && !["inline", "calls", "reloads"].contains(name)
    }

    /// Whether `--reloads` says how often it loads the plugin.
    var countsReloads: Bool { name == "reloads" }

    /// Milliseconds after which the process of a test is ended.
    func limit(_ options: CheckOptions) -> Int {
        guard case .child(let seconds, _) = body else { return 0 }
        return seconds * 1_000 + 4 * options.deadline
    }

    /// The test with this name.
    public static func named(_ name: String) -> CheckTest? { (all + [trial]).first { $0.name == name } }

    /// For ``PluginChecker/tryOut(_:config:deadline:)``; not one of ``all``.
    static let trial = CheckTest(
        name: "trial", group: .running, title: "it can be created", remedy: "", needs: [],
        body: .child(seconds: 5) { try $0.tryOut() })

    public static let all: [CheckTest] = fileTests + descriptorTests + runningTests + processTests

    private static let loadable = ["image-file", "image-entry", "image-needed", "image-symbols"]

    private static let fileTests = [
        CheckTest(
            name: "image-file", group: .file, title: "the file is a shared library for this machine",
            remedy: "Link it with -shared and -fPIC, for the machine that the host runs on.", needs: [],
            body: .file { $0.checkFile() }),
        CheckTest(
            name: "image-entry", group: .file, title: "it exports jf_plugin_main",
            remedy: "Define the function of section 7 of the header with C linkage and default visibility.",
            needs: ["image-file"], body: .file { $0.checkEntry() }),
        CheckTest(
            name: "image-exports", group: .file, title: "it exports nothing else",
            remedy:
                "Compile with -fvisibility=hidden, or link with a version script that makes everything but jf_plugin_main local.",
            needs: ["image-file"], body: .file { $0.checkExports() }),
        CheckTest(
            name: "image-needed", group: .file, title: "the libraries that it needs are found",
            remedy: "Install the library, put it beside the plugin with -Wl,-rpath,'$ORIGIN', or link it statically.",
            needs: ["image-file"], body: .file { $0.checkNeeded() }),
        CheckTest(
            name: "image-symbols", group: .file,
            title: "every symbol that it uses is defined by a library that it needs",
            remedy: "Link the library that defines the symbol. A host exports no symbol to plugins.",
            needs: ["image-file", "image-needed"], body: .file { $0.checkSymbols() }),
        CheckTest(
            name: "image-forbidden", group: .file, title: "it uses no function that section 2 of the header forbids",
            remedy:
                "Remove the call. If only a library that is linked into the plugin has it, see that it is never made: the test process-state finds calls.",
            needs: ["image-file"], body: .file { $0.checkForbidden() }),
        CheckTest(
            name: "image-stack", group: .file, title: "it needs no executable stack",
            remedy:
                "Link with -Wl,-z,noexecstack. Assembler files need a section .note.GNU-stack; functions nested in functions, an extension of GNU C, need the executable stack.",
            needs: ["image-file"], body: .file { $0.checkStack() }),
        CheckTest(
            name: "image-relocations", group: .file, title: "its code needs no change when it is loaded",
            remedy: "Compile every object file, and every static library, with -fPIC.",
            needs: ["image-file"], body: .file { $0.checkRelocations() }),
        CheckTest(
            name: "image-search-path", group: .file,
            title: "it looks for libraries only where nobody else can put one",
            remedy: "Use -Wl,-rpath,'$ORIGIN' for libraries beside the plugin, and no other -rpath.",
            needs: ["image-file"], body: .file { $0.checkSearchPath() }),
        CheckTest(
            name: "image-debug", group: .file, title: "debuggers can identify it",
            remedy: "Link with -Wl,--build-id. Compile with -g, and keep a copy with the debug information.",
            needs: ["image-file"], body: .file { $0.checkDebug() }),
    ]

    private static let descriptorTests = [
        CheckTest(
            name: "describe", group: .descriptor, title: "jf_plugin_main fills a descriptor that a host accepts",
            remedy: "Section 5 of the header has the rules of each field.", needs: loadable,
            body: .child(seconds: 10) { try $0.checkDescriptor() }),
        CheckTest(
            name: "describe-twice", group: .descriptor,
            title: "jf_plugin_main declares the same when it is called again",
            remedy: "Let jf_plugin_main depend on nothing but its arguments, and keep lists static.",
            needs: loadable + ["describe"], body: .child(seconds: 10) { try $0.checkDescriptorTwice() }),
        CheckTest(
            name: "interfaces-missing", group: .descriptor,
            title: "in a host without an interface, the plugin works or returns an error",
            remedy: "Check the result of boot->query, and return it if the plugin needs the interface.",
            needs: loadable + ["describe"], body: .child(seconds: 60) { try $0.checkMissingInterfaces() }),
        CheckTest(
            name: "interfaces-shorter", group: .descriptor,
            title: "in an older host, whose tables have fewer functions, the plugin works or returns an error",
            remedy: "A function that the host does not have returns JF_E_UNSUPPORTED: check the result of each call.",
            needs: loadable + ["describe"], body: .child(seconds: 120) { try $0.checkShorterTables() }),
        CheckTest(
            name: "host-newer", group: .descriptor,
            title: "a newer host, which passes more than the plugin knows, can load it",
            remedy: "Ignore what lies beyond the part of a structure that you know.",
            needs: loadable + ["describe"], body: .child(seconds: 10) { try $0.checkNewerHost() }),
    ]

    private static let alive = loadable + ["describe", "life"]

    private static let runningTests = [
        CheckTest(
            name: "life", group: .running, title: "it is created, started, stopped and destroyed",
            remedy: "Return from each of these callbacks in time, with an error if something is wrong.",
            needs: loadable + ["describe"], body: .child(seconds: 10) { try $0.checkLife() }),
        CheckTest(
            name: "connections", group: .running, title: "clients may join and leave at any time",
            remedy: "A hook gets whatever a client sends. A socket may be gone before a call for it: expect JF_E_GONE.",
            needs: alive, body: .child(seconds: 60) { try $0.checkConnections() }),
        CheckTest(
            name: "events", group: .running, title: "its handlers take every argument that their signatures allow",
            remedy: "Handle the whole range of each type, or declare a narrower one.",
            needs: alive, body: .child(seconds: 60) { try $0.checkEvents() }),
        CheckTest(
            name: "events-hostile", group: .running, title: "its handlers take whatever a client may send",
            remedy:
                "Without a signature any JSON array arrives, with any attachments: check kinds and lengths before use, or declare a signature.",
            needs: alive, body: .child(seconds: 60) { try $0.checkHostileEvents() }),
        CheckTest(
            name: "acks", group: .running, title: "every ack is sent",
            remedy: "Call ack or ack_error on every way through the handler; a client waits for it.",
            needs: alive, body: .child(seconds: 30) { try $0.checkAcks() }),
        CheckTest(
            name: "routes", group: .running, title: "every request to its routes is answered",
            remedy: "Call respond, problem or stream on every way through the handler, or keep the token.",
            needs: alive, body: .child(seconds: 90) { try $0.checkRoutes() }),
        CheckTest(
            name: "inline", group: .running, title: "callbacks with JF_RUN_INLINE return within their budget",
            remedy: "Declare JF_RUN_STRAND, or move what takes time to a thread of your own.",
            needs: alive, body: .child(seconds: 30) { try $0.checkInline() }),
        CheckTest(
            name: "random-order", group: .running, title: "callbacks may come in any order",
            remedy: "Rely on no order but that of section 2 of the header.",
            needs: alive, body: .child(seconds: 60) { try $0.checkRandomOrder() }),
        CheckTest(
            name: "unload-waiting", group: .running, title: "it can be unloaded while clients wait for its answers",
            remedy: "End threads and work in stop. Tokens may be completed without you: expect JF_E_GONE.",
            needs: alive, body: .child(seconds: 60) { try $0.checkUnloadWaiting() }),
        CheckTest(
            name: "calls", group: .running, title: "its calls of the host are right",
            remedy:
                "The line says which call is wrong: see the comment of the function in the header. Check what clients send before you pass it on.",
            needs: alive, body: .child(seconds: 60) { try $0.checkCalls() }),
        CheckTest(
            name: "reloads", group: .running, title: "it can be reloaded again and again while clients use it",
            remedy:
                "The new version's create and restore run while the running version still works: open files and ports so that both can, and release them in stop.",
            needs: alive, body: .child(seconds: 600) { try $0.checkReloads() }),
    ]

    private static let processTests = [
        CheckTest(
            name: "memory", group: .process, title: "unloading frees the memory",
            remedy: "Free in destroy what create has allocated, and data of sockets in its free function.",
            needs: alive, body: .child(seconds: 180) { try $0.checkMemory() }),
        CheckTest(
            name: "threads", group: .process, title: "unloading ends its threads",
            remedy: "End and join them in stop: when destroy returns there must be none.",
            needs: alive, body: .child(seconds: 60) { try $0.checkThreads() }),
        CheckTest(
            name: "descriptors", group: .process, title: "unloading closes its descriptors",
            remedy: "Close in destroy what create has opened.",
            needs: alive, body: .child(seconds: 60) { try $0.checkDescriptors() }),
        CheckTest(
            name: "signals", group: .process, title: "it leaves the process's signals as they are",
            remedy: "Install no handler for SIGTERM, SIGINT, SIGHUP and SIGPIPE, and leave no signal blocked.",
            needs: alive, body: .child(seconds: 30) { try $0.checkSignals() }),
        CheckTest(
            name: "process-state", group: .process,
            title: "it leaves working directory, file mode mask, locale and environment as they are",
            remedy: "Use absolute paths, openat, newlocale, and posix_spawn with an environment of its own.",
            needs: alive, body: .child(seconds: 30) { try $0.checkProcessState() }),
        CheckTest(
            name: "output", group: .process, title: "it writes nothing to standard output",
            remedy: "Use jf_core_api.log: the line then has the plugin's name, and is bounded.",
            needs: alive, body: .child(seconds: 30) { try $0.checkOutput() }),
    ]
}
