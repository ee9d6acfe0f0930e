import CCheckRecord
import Foundation
import Support

/// Checks the library of a plugin: runs the tests one after the other, each of those that run its code in a process of
/// its own.
public struct PluginChecker: Sendable {
    /// The executable, which runs ``CheckWorker`` when it is started with ``workerArguments``.
    private let executable: String
    private let workerArguments: [String]
    private let options: CheckOptions

    /// - Parameter executable: `/proc/self/exe` if it is this process's own.
    public init(executable: String, workerArguments: [String], options: CheckOptions = CheckOptions()) {
        self.executable = executable
        self.workerArguments = workerArguments
        self.options = options
    }

    /// Runs the tests, on the calling thread, which waits; not on a thread that runs tasks.
    ///
    /// - Parameters:
    ///   - path: the plugin's file.
    ///   - names: only these tests, whether or not what they need has passed; empty: all.
    ///   - report: called with each result.
    /// - Returns: all results, in the order of ``CheckTest/all``.
    @discardableResult
    public func run(_ path: String, only names: [String] = [], report: (CheckResult) -> Void = { _ in })
        -> [CheckResult]
    {
        let inspection = LibraryInspection(path: path)
        var results: [CheckResult] = []
        for test in CheckTest.all where names.isEmpty || names.contains(test.name) {
            let failed = results.first { result in
                test.needs.contains { $0.utf8.elementsEqual(result.test.utf8) && Self.applies($0, options) }
                    && (result.verdict == .failed || result.verdict == .skipped)
            }
            var result = CheckResult(test: test.name)
            if options.isIsolated, !test.appliesToWorkers {
                result.skipped = "it says nothing about a worker process: leave out --isolation"
            } else if let failed, names.isEmpty {
                result.skipped = "\(failed.test) has not passed"
            } else {
                let start = Clock.monotonicMilliseconds
                result.findings = findings(of: test, path, inspection)
                result.milliseconds = Int(Clock.monotonicMilliseconds - start)
            }
            results.append(result)
            report(result)
        }
        return results
    }

    /// Loads a file in a process of its own, as far as `create`, to find out whether it ends the process. On the
    /// calling thread, which waits.
    ///
    /// - Parameters:
    ///   - config: the plugin's configuration: JSON, or empty for none.
    ///   - deadline: milliseconds that each of its callbacks may take.
    /// - Returns: how it ended the process, or that it did not return; `nil` if neither.
    public static func tryOut(_ path: String, config: [UInt8], deadline: Int) -> String? {
        var options = CheckOptions()
        (options.config, options.deadline) = (String(decoding: config, as: UTF8.self), deadline)
        let checker = PluginChecker(
            executable: "/proc/self/exe", workerArguments: ["plugin", "check-process"], options: options)
        let findings = checker.findings(of: .trial, path, LibraryInspection(path: path))
        return findings.first { $0.severity == .failure }?.text
    }

    /// Whether the test with this name runs with these options.
    private static func applies(_ name: String, _ options: CheckOptions) -> Bool {
        !options.isIsolated || CheckTest.named(name)?.appliesToWorkers == true
    }

    private func findings(of test: CheckTest, _ path: String, _ inspection: LibraryInspection) -> [CheckFinding] {
        switch test.body {
        case .file(let body): return body(inspection)
        case .child:
            let absolute = path.hasPrefix("/") ? path : FileManager.default.currentDirectoryPath + "/" + path
            var findings: [CheckFinding] = []
            for part in parts(of: test, inspection) {
                let request = CheckRequest(
                    test: test.name, path: absolute, options: part, fileSize: inspection.size,
                    writableBytes: inspection.writableBytes)
                do throws(CheckFailure) {
                    let process = try CheckProcess(executable, workerArguments, request)
                    for finding in process.wait(milliseconds: test.limit(options)) where !findings.contains(finding) {
                        findings.append(finding)
                    }
                } catch {
                    findings.append(CheckFinding(.failure, error.text))
                }
                if findings.contains(where: { $0.severity == .failure }) { break }
            }
            return findings
        }
    }

    /// The options of each process that a test needs: one, or as many as it takes to reload the plugin as often as
    /// asked, because each load has a copy of the file, which stays mapped until the process ends.
    private func parts(of test: CheckTest, _ inspection: LibraryInspection) -> [CheckOptions] {
        guard test.countsReloads else { return [options] }
        let most = CheckRun.mostLoads(ofFileWith: inspection.size)
        return stride(from: 0, to: options.reloads, by: most).map { done in
            var part = options
            part.reloads = min(most, options.reloads - done)
            part.seed = options.seed &+ UInt64(done)
            return part
        }
    }
}
