import Foundation
import Testing

@testable import PluginCheck

/// Every plugin of Tests/Fixtures/zoo is noticed, by the test that is there for it.
@Suite("The zoo of bad plugins")
struct ZooTests {
    struct Animal: CustomTestStringConvertible, Sendable {
        /// The source in Tests/Fixtures/zoo.
        let source: String
        let flags: [String]
        let test: String
        let verdict: CheckResult.Verdict
        /// Words of the finding.
        let words: String

        init(
            _ source: String, _ flags: String..., caughtBy test: String, _ verdict: CheckResult.Verdict = .failed,
            saying words: String
        ) {
            self.source = source
            self.flags = flags
            self.test = test
            self.verdict = verdict
            self.words = words
        }

        /// Milliseconds for a callback: few if one hangs; else so many that a busy machine makes no difference.
        var deadline: Int {
            let hangs = ["-DHOW=HANG", "-DUNTIL_IT_WORKS"]
            return source == "waits_for_clients" || flags.contains { hangs.contains($0) } ? 5_000 : 60_000
        }

        var testDescription: String { "\(source) \(flags.joined(separator: " "))" }
    }

    static let animals = [
        // The file.
        Animal("no_entry", caughtBy: "image-entry", saying: "it exports no function jf_plugin_main; it exports add"),
        Animal("exports_more", caughtBy: "image-exports", .warned, saying: "it also exports parse"),
        Animal(
            "undefined_symbol", caughtBy: "image-symbols", saying: "it uses nobody_defines_this, which neither it nor"),
        Animal("exports_more", "-Wl,-z,execstack", caughtBy: "image-stack", saying: "an executable stack"),
        Animal("text_relocation", "-Wl,-z,notext", caughtBy: "image-relocations", saying: "it has text relocations"),
        Animal(
            "exports_more", "-Wl,-rpath,/tmp/lib", caughtBy: "image-search-path",
            saying: "every user of the machine can fill"),
        Animal(
            "exports_more", "-Wl,-rpath,lib", caughtBy: "image-search-path",
            saying: "begins at the host's working directory"),
        Animal(
            "exports_more", "-Wl,-rpath,/opt/jackfield/lib", caughtBy: "image-search-path", .warned,
            saying: "is absolute"),
        Animal("exports_more", "-Wl,--build-id=none", caughtBy: "image-debug", .warned, saying: "it has no build-id"),
        Animal(
            "life", "-DWHERE=WORK", "-DHOW=EXIT", caughtBy: "image-forbidden", .warned,
            saying: "it uses exit: it would end the host"),
        // The descriptor.
        Animal(
            "descriptor", "-DFAULT=plugin->abi=9", caughtBy: "describe",
            saying: "built against JF_ABI 9, this host needs 2"),
        Animal(
            "descriptor", "-DFAULT=plugin->name.len=0", caughtBy: "describe",
            saying: "must be 1 to 64 of a-z, 0-9 and '-'"),
        Animal(
            "descriptor", "-DFAULT=", "-DHANDLER=NULL", caughtBy: "describe", saying: "event 1: 'work': handler is NULL"
        ),
        Animal(
            "descriptor", "-DFAULT=", "-DEVENT=\"connect\"", caughtBy: "describe", saying: "is reserved by Socket.IO"),
        Animal(
            "descriptor", "-DFAULT=", "-DSIGNATURE=\"(a: float)\"", caughtBy: "describe",
            saying: "expected a type, found 'float'"),
        Animal("descriptor", "-DFAULT=plugin->events.stride=8", caughtBy: "describe", saying: "stride is 8"),
        Animal(
            "descriptor", "-DFAULT=plugin->events.count=0", caughtBy: "describe",
            saying: "there is a list, but count is 0"),
        Animal(
            "descriptor", "-DFAULT=((char*)plugin)[4000]=1", caughtBy: "describe",
            saying: "a field that this host does not know"),
        Animal("descriptor", "-DFAULT=code=JF_E_FAILED", caughtBy: "describe", saying: "jf_plugin_main returned"),
        Animal(
            "descriptor", "-DFAULT=if(calls++)plugin->events.items=NULL,plugin->events.count=0",
            caughtBy: "describe-twice", saying: "the second time it did not declare event 'work'"),
        Animal(
            "life", "-DWHERE=MAIN", "-DHOW=CRASH", caughtBy: "describe",
            saying: "it crashed: SIGSEGV, in jf_plugin_main"),
        Animal(
            "life", "-DWHERE=MAIN", "-DHOW=HANG", caughtBy: "describe", saying: "jf_plugin_main did not return in time"),
        Animal(
            "life", "-DWHERE=MAIN", "-DHOW=EXIT", caughtBy: "describe",
            saying: "it called exit(3), in jf_plugin_main"),
        // Other hosts.
        Animal(
            "assumes_host", "-DUNCHECKED", caughtBy: "interfaces-missing",
            saying: "it crashed: SIGSEGV, in create"),
        Animal(
            "assumes_host", "-DUNTIL_IT_WORKS", caughtBy: "interfaces-shorter", saying: "create did not return in time"),
        Animal("assumes_host", "-DEXACT", caughtBy: "host-newer", saying: "jf_plugin_main returned"),
        // Life.
        Animal(
            "life", "-DWHERE=CREATE", "-DHOW=CRASH", caughtBy: "life",
            saying: "it crashed: SIGSEGV, in create"),
        Animal("life", "-DWHERE=CREATE", "-DHOW=HANG", caughtBy: "life", saying: "create did not return in time"),
        Animal("life", "-DWHERE=START", "-DHOW=ABORT", caughtBy: "life", saying: "it crashed: SIGABRT, in start"),
        Animal(
            "life", "-DWHERE=STOP", "-DHOW=CRASH", caughtBy: "life",
            saying: "it crashed: SIGSEGV, in stop"),
        Animal("life", "-DWHERE=STOP", "-DHOW=HANG", caughtBy: "life", saying: "stop has been running"),
        Animal(
            "life", "-DWHERE=DESTROY", "-DHOW=CRASH", caughtBy: "life",
            saying: "it crashed: SIGSEGV, in destroy"),
        Animal(
            "life", "-DWHERE=START", "-DHOW=EXIT", caughtBy: "life",
            saying: "it called exit(3), in start"),
        Animal(
            "life", "-DWHERE=START", "-DHOW=EXIT_NOW", caughtBy: "life", saying: "it ended the process with exit code 4"
        ),
        Animal(
            "life", "-DWHERE=START", "-DHOW=CLOSE", caughtBy: "life",
            saying: "it closed a descriptor of the process that is not its own"),
        // Events, clients, routes.
        Animal(
            "life", "-DWHERE=WORK", "-DHOW=CRASH", caughtBy: "events-hostile",
            saying: "it crashed: SIGSEGV, in the handler of 'work'"),
        Animal(
            "life", "-DWHERE=WORK", "-DHOW=HANG", caughtBy: "events-hostile",
            saying: "the handler of 'work' of '/' has been running for"),
        Animal(
            "life", "-DWHERE=INLINE", "-DHOW=CRASH", caughtBy: "events-hostile",
            saying: "in the inline handler of 'work' of '/'"),
        Animal("life", "-DWHERE=INLINE", "-DHOW=HANG", caughtBy: "events-hostile", saying: "on loop"),
        Animal("throws", caughtBy: "events-hostile", saying: "it crashed: SIGABRT, in the handler of 'work'"),
        Animal(
            "trusting", "-DATTACHMENT", caughtBy: "events-hostile",
            saying: "in the handler of 'work' of '/'"),
        Animal("trusting", "-DSIGN", caughtBy: "events", saying: "in the handler of 'work'"),
        Animal("trusting", "-DORDER", caughtBy: "random-order", saying: "in the handler of 'work'"),
        Animal("trusting", "-DUSER", caughtBy: "connections", saying: "it crashed: SIGSEGV"),
        Animal("answers", "-DWRONG_TYPE", caughtBy: "events", saying: "the ack breaks the signature"),
        Animal("answers", "-DNEVER", caughtBy: "acks", .warned, saying: "'work': 5 of 5 acks were never sent"),
        Animal("answers", "-DNO_RESPONSE", caughtBy: "routes", saying: "the handler did not answer"),
        Animal("slow_inline", caughtBy: "inline", saying: "'work' took longer than 50 µs in 100 of 100 calls"),
        Animal(
            "misuses", "-DSTRAY_TOKEN", caughtBy: "calls",
            saying: "a token was used outside its callback, or on another thread"),
        Animal("misuses", "-DBAD_JSON", caughtBy: "calls", .warned, saying: "at will: ack: args"),
        Animal("misuses", "-DEVERYBODY", caughtBy: "calls", .warned, saying: "the target names nobody"),
        Animal("waits_for_clients", caughtBy: "unload-waiting", saying: "stop has been running"),
        Animal("leaks", "-DFILE_LOCK", caughtBy: "reloads", saying: "is running already"),
        Animal(
            "reloads", "-DSAVE=abort()", caughtBy: "reloads", saying: "it crashed: SIGABRT, in save"),
        Animal(
            "reloads", "-DRESTORE=return jf_fail(error,JF_E_FAILED,\"of another format\")", caughtBy: "reloads",
            saying: "restore failed: of another format"),
        // The process.
        Animal("leaks", "-DHEAP", caughtBy: "memory", saying: "on the heap"),
        Animal("leaks", "-DMAPPING", caughtBy: "memory", saying: "memory that is not on the heap"),
        Animal(
            "leaks", "-DTHREAD", caughtBy: "threads",
            saying: "10 threads are left after 10 loads and unloads, named jf:leaks"),
        Animal(
            "leaks", "-DDESCRIPTOR", caughtBy: "descriptors",
            saying: "10 descriptors are left after 10 loads and unloads, open on /dev/null"),
        Animal("meddles", "-DSTEAL", caughtBy: "signals", saying: "create changed what the process does on SIGTERM"),
        Animal("meddles", "-DHANDLER_STEAL", caughtBy: "signals", saying: "SIGINT"),
        Animal("meddles", "-DBLOCK", caughtBy: "signals", saying: "create left signals"),
        Animal("meddles", "-DCHDIR", caughtBy: "process-state", saying: "it changed the working directory"),
        Animal("meddles", "-DUMASK", caughtBy: "process-state", saying: "it changed the mask of file modes"),
        Animal("meddles", "-DLOCALE", caughtBy: "process-state", saying: "it changed the locale"),
        Animal("meddles", "-DENVIRONMENT", caughtBy: "process-state", saying: "it changed the environment"),
        Animal(
            "meddles", "-DPRINT", caughtBy: "output", .warned, saying: "it wrote to standard output: 'work has come'"),
    ]

    @Test("each is noticed by the test that is there for it", arguments: animals)
    func animal(_ animal: Animal) throws {
        let path = try Zoo.build(animal.source, flags: animal.flags)
        let result = try check(path, only: animal.test, deadline: animal.deadline)
        #expect(result.verdict == animal.verdict, "\(result)")
        #expect(result.findings.contains { $0.text.contains(animal.words) }, "\(result.findings)")
    }

    /// Those whose faults a worker process does not hide. The plugin that closes a descriptor closes one of its worker.
    static let isolatedAnimals = animals.filter { animal in
        let test = CheckTest.named(animal.test)
        return test?.group == .running && test?.appliesToWorkers == true && !animal.flags.contains("-DHOW=CLOSE")
    }

    @Test("those that run are noticed in a worker process, too", arguments: isolatedAnimals)
    func isolatedAnimal(_ animal: Animal) throws {
        let path = try Zoo.build(animal.source, flags: animal.flags)
        let result = try check(path, only: animal.test, deadline: animal.deadline, isIsolated: true)
        #expect(result.verdict == animal.verdict, "\(result)")
    }

    private func check(
        _ path: String, only test: String, deadline: Int = 60_000, isIsolated: Bool = false
    ) throws -> CheckResult {
        var options = CheckOptions()
        options.isIsolated = isIsolated
        options.deadline = deadline
        options.reloads = 3
        return try #require(try Checking.run(path, only: [test], options).first)
    }

    @Test("a plugin that stops its whole process is ended after the time of the test")
    func frozen() throws {
        var options = CheckOptions()
        options.deadline = 5_000
        let path = try Zoo.build("life", "-DWHERE=MAIN", "-DHOW=FREEZE")
        let result = try #require(try Checking.run(path, only: ["describe"], options).first)
        #expect(
            result.findings.first?.text == "it did not end within 30 s, while jf_plugin_main is called", "\(result)")
    }

    @Test("a plugin whose memory grows without end is ended at the limit")
    func growing() throws {
        var options = CheckOptions()
        options.memoryLimit = 512
        let path = try Zoo.build("life", "-DWHERE=START", "-DHOW=GROW")
        let result = try #require(try Checking.run(path, only: ["life"], options).first)
        #expect(
            result.findings.first?.text == "its memory grew beyond 512 MiB, while the plugin is loaded", "\(result)")
    }

    @Test("a library that needs another one, which is missing, is noticed")
    func missingLibrary() throws {
        let companion = try Zoo.compile(
            "\(Zoo.root)/Tests/Fixtures/zoo/no_entry.c", as: "libzoo-companion", ["-Wl,-soname,libzoo-companion.so.1"])
        let path = try Zoo.build("exports_more", "-Wl,--no-as-needed", companion)
        let result = try check(path, only: "image-needed")
        #expect(
            result.findings.map(\.text) == ["it needs libzoo-companion.so.1, which the dynamic linker does not find"])
    }

    @Test("a file that is no library, of another machine, or cut off is noticed, and nothing of it is loaded")
    func noLibrary() throws {
        var foreign = [UInt8](try Data(contentsOf: URL(fileURLWithPath: try Zoo.build("exports_more"))))
        let cut = Array(foreign.prefix(3_000))
        foreign[18] = 0xF3
        for (bytes, words) in [
            (Array("hello".utf8), "is no ELF file"), (foreign, "is built for another machine"), ([], "is no ELF file"),
            (cut, "is cut off"),
        ] {
            let path = "\(Zoo.folder)/file-\(bytes.count).so"
            try Data(bytes).write(to: URL(fileURLWithPath: path))
            let results = try Checking.run(path)
            #expect(results[0].verdict == .failed && results[0].findings[0].text.contains(words), "\(results[0])")
            #expect(results.dropFirst().allSatisfy { $0.verdict == .skipped })
        }
    }

    @Test("every test of the check has an animal")
    func coverage() {
        let covered = Set(Self.animals.map(\.test)).union(["image-file", "image-needed"])
        #expect(CheckTest.all.map(\.name).filter { !covered.contains($0) } == [])
    }
}
