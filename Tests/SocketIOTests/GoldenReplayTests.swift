import EngineIO
import Foundation
import Testing

@testable import SocketIO

/// Replays recorded sessions of the reference server within the process: those of the groups socketio and recovery that
/// use WebSockets only. The replay against the daemon runs all sessions over the network; this one fails within
/// milliseconds.
@Suite struct GoldenReplayTests {
    static let folder = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../Golden/sessions")
        .standardized.path

    static var sessions: [String] {
        guard let files = try? FileManager.default.contentsOfDirectory(atPath: folder) else { return [] }
        return files.filter { $0.hasPrefix("socketio-") || $0.hasPrefix("recovery-") }.sorted()
    }

    /// Sessions with a documented difference (PROTOCOL row 25), and one that depends on the answer to a close frame,
    /// which the protocol modules do not see.
    static let different: Set = ["recovery-no-offset", "recovery-still-connected", "recovery-after-close-frame"]

    @Test("finds the recordings")
    func finds() {
        #expect(Self.sessions.count == 179)
    }

    @Test("answers as the reference did", arguments: sessions)
    func replay(file: String) throws {
        let data = try Data(contentsOf: URL(fileURLWithPath: Self.folder + "/" + file))
        let session = try #require(try JSONSerialization.jsonObject(with: data) as? [String: Any])
        let steps = try #require(session["steps"] as? [[String: Any]])
        guard !steps.contains(where: { ["http", "poll", "half-close"].contains($0["do"] as? String) }) else { return }
        guard !Self.different.contains(session["id"] as? String ?? "") else { return }
        var replay = try GoldenReplay(options: session["options"] as? [String: Any] ?? [:])
        for step in steps {
            guard try replay.run(step, isOptional: session["optional"] as? Bool ?? false) else { return }
        }
    }
}

struct GoldenReplay {
    let host: TestHost
    var clients: [String: TestClient] = [:]
    var variables: [String: String] = [:]

    init(options: [String: Any]) throws {
        var socketOptions = SocketOptions()
        if let recovery = options["connectionStateRecovery"] as? [String: Any] {
            var options = RecoveryOptions()
            options.maxDisconnectionDuration =
                (recovery["maxDisconnectionDuration"] as? NSNumber)?.int64Value ?? 120_000
            options.skipMiddlewares = recovery["skipMiddlewares"] as? Bool ?? true
            socketOptions.recovery = RecoveryStore(options: options)
        }
        host = try TestHost(socketOptions, namespaces: GoldenApplication.namespaces)
        GoldenApplication.install(on: host)
    }

    /// - Returns: whether the session continues.
    mutating func run(_ step: [String: Any], isOptional: Bool) throws -> Bool {
        let name = step["conn"] as? String ?? ""
        switch step["do"] as? String {
        case "ws-open": clients[name] = TestClient(host)
        case "wait": host.pass((step["ms"] as? NSNumber)?.int64Value ?? 0)
        case "abort": clients.removeValue(forKey: name)?.vanish()
        case "ws-send":
            let client = try #require(clients[name])
            for frame in step["frames"] as? [[String: Any]] ?? [] {
                if let text = frame["text"] as? String {
                    client.send(String(expanded(text).dropFirst()))
                } else if let binary = frame["binary"] {
                    var bytes = bytes(binary)
                    bytes.withUnsafeMutableBytes { client.session.webSocketReceived(binary: $0, over: client.output) }
                } else if frame["close"] != nil {
                    client.session.webSocketGone(client.output, reason: .transportClose)
                }
            }
        case "ws-expect":
            let client = try #require(clients[name])
            let heard = client.heard()
            var answers = [step["expect"] as? [String: Any] ?? [:]]
            answers += step["alsoFine"] as? [[String: Any]] ?? []
            let fits = answers.contains { matches(heard, $0["frames"] as? [[String: Any]] ?? []) }
            if !fits {
                if !isOptional { Issue.record("\(answers) got \(heard)") }
                return false
            }
        default: Issue.record("unknown step \(step)")
        }
        return true
    }

    private mutating func matches(_ heard: [String], _ frames: [[String: Any]]) -> Bool {
        var expected: [String] = []
        for frame in frames {
            if let text = frame["text"] as? String {
                // The open packet was removed when the connection was made.
                if !text.hasPrefix("0") { expected.append(String(text.dropFirst())) }
            } else if let binary = frame["binary"] {
                expected.append("<" + bytes(binary).map { String(format: "%02x", $0) }.joined() + ">")
            } else if frame["end"] != nil {
                expected.append("closed")
            }
        }
        guard expected.count == heard.count else { return false }
        return zip(heard, expected).allSatisfy { same($0, $1) }
    }

    private mutating func same(_ heard: String, _ expected: String) -> Bool {
        let expected = expanded(expected)
        if heard == expected { return true }
        // A masked id matches any text; known ids are expanded already.
        var pattern = NSRegularExpression.escapedPattern(for: expected)
        let mask = /\\\$\\\{((?:sio|pid|off|ack)[0-9]+)\\\}/
        var names: [String] = []
        while let match = pattern.firstMatch(of: mask) {
            names.append(String(match.1))
            pattern.replaceSubrange(match.range, with: match.1.hasPrefix("ack") ? "([0-9]+)" : "([A-Za-z0-9_-]+)")
        }
        if !names.isEmpty, let expression = try? NSRegularExpression(pattern: "^" + pattern + "$"),
            let match = expression.firstMatch(in: heard, range: NSRange(heard.startIndex..., in: heard))
        {
            for (index, name) in names.enumerated() {
                let value = String(heard[Range(match.range(at: index + 1), in: heard)!])
                guard !variables.values.contains(value) || name.hasPrefix("ack") else { return false }
                variables[name] = value
            }
            return true
        }
        let isOpening: (Character) -> Bool = { "[{\"".contains($0) }
        guard let left = heard.firstIndex(where: isOpening), let right = expected.firstIndex(where: isOpening),
            heard[..<left] == expected[..<right], let one = json(heard[left...]), let other = json(expected[right...])
        else { return false }
        return one == other
    }

    /// Numbers as doubles: the reference parses and formats them, this module keeps the sender's digits.
    private func json(_ text: Substring) -> NSObject? {
        (try? JSONSerialization.jsonObject(with: Data(text.utf8), options: .fragmentsAllowed)).map(doubled)
    }

    private func doubled(_ value: Any) -> NSObject {
        switch value {
        case let array as [Any]: array.map(doubled) as NSArray
        case let object as [String: Any]: object.mapValues(doubled) as NSDictionary
        case let text as String: text as NSString
        case let number as NSNumber: NSNumber(value: number.doubleValue + 0)
        default: NSNull()
        }
    }

    private func expanded(_ text: String) -> String {
        var text = text
        while let match = text.firstMatch(of: /\$\{"(.)"\*([0-9]+)\}/) {
            text.replaceSubrange(match.range, with: String(repeating: String(match.1), count: Int(match.2)!))
        }
        for (name, value) in variables { text = text.replacingOccurrences(of: "${\(name)}", with: value) }
        return text
    }

    private func bytes(_ value: Any) -> [UInt8] {
        if let text = value as? String { return Array(text.utf8) }
        guard let value = value as? [String: Any] else { return [] }
        if let count = value["blob"] as? Int { return (0..<count).map { UInt8($0 % 251) } }
        let digits = Array(value["hex"] as? String ?? "")
        return stride(from: 0, to: digits.count, by: 2).map { UInt8(String(digits[$0...$0 + 1]), radix: 16)! }
    }
}
