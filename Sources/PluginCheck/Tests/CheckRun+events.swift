import PluginHost
import Signatures
import Support

/// The tests of event handlers.
extension CheckRun {
    /// Events that are sent before their acks are awaited.
    private static let batch = 50
    /// Rounds of generated arguments for each event.
    private static let rounds = 200

    /// Loads the plugin, and calls `body` for each of its events, with a client that has joined the event's namespace.
    private func forEachEvent(_ body: (CheckHost, CheckClient, EventDescriptor) throws -> Void) throws {
        try withPlugin { host in
            let descriptor = try host.descriptor
            for namespace in descriptor.clientNamespaces {
                var client = try host.client(namespace)
                if client.isRefused {
                    note(
                        "the plugin refuses clients of '\(namespace)', so its events there are not tested: give a payload that it accepts with --auth"
                    )
                    continue
                }
                for event in descriptor.events where PluginDescriptor.example(of: event.namespace) == namespace {
                    // The plugin, or the host for a packet that is too large, may have closed the connection.
                    if client.output.isClosed { client = try host.client(namespace) }
                    try body(host, client, event)
                    try host.settle()
                }
            }
        }
    }

    func checkEvents() throws {
        var checked = 0
        try forEachEvent { host, client, event in
            guard let signature = event.signature, !event.name.isEmpty, !event.observes else { return }
            checked += 1
            var generator = ArgumentGenerator(seed: options.seed)
            var isReported = false
            for _ in 0..<Self.rounds / Self.batch {
                var sent: [(number: UInt64, arguments: GeneratedArguments)] = []
                for _ in 0..<Self.batch {
                    let arguments = generator.arguments(for: signature)
                    step("'\(event.name)' is sent with \(arguments.excerpt)")
                    let number = try client.emit(
                        event.name, arguments.json, attachments: arguments.attachments, in: event.clientNamespace)
                    sent.append((number, arguments))
                }
                step("the answers to '\(event.name)' are awaited")
                try host.settle()
                for (number, arguments) in sent where !isReported {
                    guard let problem = problem(of: client.output.ack(number), to: event) else { continue }
                    fail("'\(event.name)' with \(arguments.excerpt): \(problem)")
                    isReported = true
                }
            }
        }
        if checked == 0 { note("no event has a signature") }
    }

    /// What is wrong with an ack; `nil` if it is right, or if there is none, which the test `acks` reports.
    private func problem(of ack: CheckAck?, to event: EventDescriptor) -> String? {
        guard let ack else { return nil }
        if let code = ack.errorCode {
            guard code == "invalid_arguments", event.isFunction else { return nil }
            return "the host refused arguments that the signature allows"
        }
        guard !ack.isError, let contract = event.contract, event.signature?.result != nil else { return nil }
        return ack.withFirstArgument { result in
            contract.checkResult(result, attachments: ack.attachments).map {
                "the ack breaks the signature \(contract.signature): \($0)"
            }
        }
    }

    func checkHostileEvents() throws {
        try forEachEvent { host, client, event in
            // A handler for every name gets names that no plugin declares.
            let name: ByteString = event.name.isEmpty ? "an event that nobody declares" : event.name
            func send(_ arguments: GeneratedArguments, wantsAck: Bool) throws {
                step("'\(name)' is sent with \(arguments.excerpt)")
                try client.emit(
                    name, arguments.json, attachments: arguments.attachments, in: event.clientNamespace,
                    wantsAck: wantsAck)
            }
            for (index, text) in HostileValues.arguments.enumerated() {
                try send(GeneratedArguments(json: Array(text.utf8)), wantsAck: index % 3 != 0)
                if index % 20 == 0 { try host.settle() }
            }
            for arguments in HostileValues.withAttachments { try send(arguments, wantsAck: true) }
            if let signature = event.signature {
                var generator = ArgumentGenerator(seed: options.seed)
                for _ in 0..<Self.batch { try send(generator.broken(for: signature), wantsAck: true) }
            }
        }
    }

    func checkAcks() throws {
        try forEachEvent { host, client, event in
            guard !event.name.isEmpty, !event.observes else { return }
            var generator = ArgumentGenerator(seed: options.seed)
            var numbers: [UInt64] = []
            for round in 0..<5 {
                let arguments =
                    event.signature.map { generator.arguments(for: $0) }
                    ?? GeneratedArguments(json: Array(["[]", "[1]", #"["a"]"#, "[{}]", "[null,2]"][round].utf8))
                step("'\(event.name)' is sent with \(arguments.excerpt), and its ack is awaited")
                numbers.append(
                    try client.emit(
                        event.name, arguments.json, attachments: arguments.attachments, in: event.clientNamespace))
            }
            try host.settle()
            let end = Clock.monotonicMilliseconds + Int64(host.deadline)
            var missing = numbers.count
            for number in numbers {
                // A handler that keeps no token and has returned will not ack any more; the ack may be on its way.
                repeat {
                    guard !client.output.waitForAck(number, milliseconds: 100) else {
                        missing -= 1
                        break
                    }
                } while !host.isIdle && Clock.monotonicMilliseconds < end && !client.output.isClosed
            }
            guard missing > 0, !client.output.isClosed else { return }
            warn(
                "'\(event.name)': \(missing) of \(numbers.count) acks were never sent; a client waits for each of them")
        }
    }

    func checkInline() throws {
        var count = 0
        try withPlugin { host in
            let descriptor = try host.descriptor
            let budget = host.host.options.inlineBudget
            for event in descriptor.events where event.run == .inline && !event.name.isEmpty {
                count += 1
                let client = try host.client(event.clientNamespace)
                let before = host.status
                var generator = ArgumentGenerator(seed: options.seed)
                let rounds: UInt64 = 100
                for _ in 0..<rounds {
                    let arguments = event.signature.map { generator.arguments(for: $0) }
                    step("'\(event.name)' is sent with \(arguments?.excerpt ?? "[]")")
                    try client.emit(
                        event.name, arguments?.json ?? Array("[]".utf8), attachments: arguments?.attachments ?? [],
                        in: event.clientNamespace)
                }
                try client.vanish()
                let slow = (host.status?.slowInlineCalls ?? 0) - (before?.slowInlineCalls ?? 0)
                // On a busy machine a quick handler may be interrupted; a slow one is slow most times.
                if slow > rounds / 2 {
                    fail(
                        "'\(event.name)' took longer than \(budget) µs in \(slow) of \(rounds) calls; every other socket of the event loop waits meanwhile"
                    )
                }
            }
        }
        if count == 0 { note("no event has JF_RUN_INLINE") }
    }
}

extension EventDescriptor {
    /// The namespace in which a client of the check sends it.
    var clientNamespace: ByteString { PluginDescriptor.example(of: namespace) }
}

extension CheckAck {
    /// Passes the first argument, empty if there is none.
    func withFirstArgument<Result>(_ body: (UnsafeRawBufferPointer) -> Result) -> Result {
        args.withUnsafeBytes { bytes in
            guard let token = firstArgument else { return body(UnsafeRawBufferPointer(start: nil, count: 0)) }
            return body(UnsafeRawBufferPointer(rebasing: bytes[token]))
        }
    }
}
