import Foundation
import Testing

@testable import PluginCheck

/// The plugins that this repository shows to others pass.
@Suite("Sound plugins")
struct SoundPluginTests {
    struct Sample: CustomTestStringConvertible, Sendable {
        let source: String
        var config = ""
        var auth = CheckOptions().auth

        var testDescription: String { source }
    }

    static let samples = [
        Sample(source: "hello-c/hello"), Sample(source: "json-c/json"), Sample(source: "stream-c/stream"),
        Sample(source: "timer-c/timer"), Sample(source: "gate-c/gate"), Sample(source: "wrap-c/wrap"),
        Sample(source: "counter-c/counter"),
        Sample(
            source: "meeting-c/meeting", config: #"{"people":{"alice":{"key":"k1","staff":true}}}"#,
            auth: #"{"name":"alice","key":"k1"}"#),
    ]

    @Test("every sample in C passes", arguments: samples)
    func sample(_ sample: Sample) throws {
        let name = sample.source.split(separator: "/").last.map(String.init) ?? ""
        let path = try Zoo.compile("\(Zoo.root)/samples/\(sample.source).c", as: name)
        try expectPassing(path, config: sample.config, auth: sample.auth)
    }

    @Test(
        "the sample in Swift and the first-party plugins pass",
        arguments: ["libhello-swift.so", "libnotifications.so", "librooms.so"])
    func swift(_ library: String) throws {
        try expectPassing(Checking.built(library))
    }

    // `gate` and `meeting` have a handshake hook, which cannot run in a worker process.
    @Test(
        "sound plugins pass in a worker process, too",
        arguments: samples.map(\.source).filter { !$0.hasSuffix("gate") && !$0.hasSuffix("meeting") } + [
            "libhello-swift.so", "libnotifications.so", "librooms.so",
        ])
    func isolated(_ plugin: String) throws {
        var options = CheckOptions()
        (options.isIsolated, options.deadline) = (true, 60_000)
        let name = plugin.split(separator: "/").last.map(String.init) ?? ""
        let path =
            plugin.hasSuffix(".so")
            ? Checking.built(plugin) : try Zoo.compile("\(Zoo.root)/samples/\(plugin).c", as: name)
        let results = try Checking.run(path, options)
        for result in results { #expect(result.verdict != .failed, "\(path): \(CheckReport.text(result))") }
        let ran = results.filter { $0.verdict != .skipped }.map(\.test)
        #expect(ran == CheckTest.all.filter(\.appliesToWorkers).map(\.name))
    }

    private func expectPassing(_ path: String, config: String = "", auth: String = CheckOptions().auth) throws {
        var options = CheckOptions()
        (options.config, options.auth, options.reloads) = (config, auth, 20)
        // The machine may be busy; nothing here hangs.
        options.deadline = 60_000
        let results = try Checking.run(path, options)
        #expect(results.map(\.test) == CheckTest.all.map(\.name))
        for result in results {
            #expect(result.verdict == .passed || result.verdict == .warned, "\(path): \(CheckReport.text(result))")
        }
    }
}
