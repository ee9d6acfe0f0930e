import CJackfield
import Isolation
import Support
import Transport

/// What a worker sends: answers to steps, returned callbacks, and calls of the functions of the header. On the thread
/// that reads the worker's channel.
extension IsolatedPlugin {
    /// Most messages that are handled before the event loops are notified of what they caused.
    private static let burst = 256
    /// How long the loops are not notified while the worker runs a batch (`jf_core_api.batch`), in nanoseconds.
    private static let longestBatch: Int64 = 10_000_000

    /// Reads what the worker sends until it ends.
    func receive(from worker: WorkerHandle) {
        var isOpen = true
        while isOpen {
            isOpen = receiveBurst(from: worker, until: .max)
        }
        ended(worker, worker.waitForExit())
    }

    /// Waits for a message, and handles all that have arrived. Each loop is woken once for all that they cause on it.
    private func receiveBurst(from worker: WorkerHandle, until deadline: Int64) -> Bool {
        var isOpen = true
        func handleNext(until deadline: Int64) -> Bool {
            switch worker.channel.read(until: deadline) {
            case .message(let message):
                do throws(MalformedMessage) {
                    try handle(message, from: worker)
                } catch {
                    reject(worker, error.problem)
                    isOpen = false
                }
                return isOpen
            case .timeout: return false
            case .closed:
                isOpen = false
                return false
            case .broken(let reason):
                reject(worker, reason)
                isOpen = false
                return false
            }
        }
        guard handleNext(until: .max) else { return isOpen }
        var count = 1
        JobBatch.run {
            while count < Self.burst, handleNext(until: 0) { count += 1 }
            guard isOpen, worker.openBatches.load(ordering: .relaxed) > 0 else { return }
            let end = Clock.monotonicNanoseconds + Self.longestBatch
            while worker.openBatches.load(ordering: .relaxed) > 0, handleNext(until: end) {}
        }
        return isOpen
    }

    private func handle(_ message: SharedChannel.Message, from worker: WorkerHandle) throws(MalformedMessage) {
        guard let kind = WorkerMessage(rawValue: message.kind) else {
            throw MalformedMessage(problem: "the kind \(message.kind) is unknown")
        }
        var reader = WireReader(message.payload, WireArena())
        switch kind {
        case .stepDone: worker.settle(message.id, try Self.outcome(&reader))
        case .returned: try returned(message.id, from: worker, &reader)
        case .log:
            let level = try reader.integer(UInt32.self)
            let line = try reader.text()
            try reader.finish()
            _ = HostTables.core.log(plugin.handle, level, line)
        case .readiness:
            let text = try reader.text()
            try reader.finish()
            plugin.notReady = text.len == 0 ? nil : text.string
        case .replyRest:
            let number = try reader.integer(UInt32.self)
            try reader.finish()
            guard let slot = message.slot else { throw MalformedMessage(problem: "a call has no place for its reply") }
            worker.longReplies.replyRest(of: number, to: slot, through: worker.channel)
        case .batchBegin, .batchEnd:
            try reader.finish()
            worker.openBatches.wrappingAdd(kind == .batchBegin ? 1 : -1, ordering: .relaxed)
        case .load, .create, .start, .stop, .destroy, .save, .restore, .resumed, .event, .admit, .socketEvent, .request,
            .presence, .method,
            .function, .answer, .answers, .fetched, .streamWritable, .streamClosed, .bindingChanged, .callResult,
            .freeData:
            throw MalformedMessage(problem: "the kind \(message.kind) is for the worker")
        default:
            let call = RemoteCall(kind, message.slot, of: self, worker)
            try call.perform(&reader)
        }
    }

    private static func outcome(_ reader: inout WireReader) throws(MalformedMessage) -> StepOutcome {
        guard try reader.flag() else {
            let kind = Int(try reader.integer(UInt8.self))
            let problem = try reader.text()
            guard PluginError.Kind.wireOrder.indices.contains(kind) else {
                throw MalformedMessage(problem: "the kind of an error is \(kind)")
            }
            try reader.finish()
            return .failed(PluginError.Kind.wireOrder[kind], String(problem.string.prefix(4_096)))
        }
        let payload = Array(try reader.data())
        try reader.finish()
        return .done(payload)
    }

    // MARK: Returned callbacks

    private func returned(_ number: UInt64, from worker: WorkerHandle, _ reader: inout WireReader)
        throws(MalformedMessage)
    {
        guard let call = finish(number, of: worker) else {
            throw MalformedMessage(problem: "the callback \(number) was not running")
        }
        switch call.body {
        case .event(let token): if token.raw != 0 { _ = plugin.tokens.reclaim(token) }
        case .request(let token, let title):
            if let entry = plugin.tokens.reclaim(token), plugin.host.isWaiting(entry) {
                plugin.log.warning(
                    "the handler of \(title) returned without answering or keeping its token; the client gets 500")
                plugin.abandon(entry)
            }
        case .admit(let token, let chain, let stage):
            let code = try reader.integer(Int32.self)
            let message = Array(try reader.data())
            let data = Array(try reader.data())
            let isBorrowed = plugin.tokens.reclaim(token) != nil
            chain.returned(code, at: stage, message: message, data: data, isBorrowed: isBorrowed)
        case .method(let token, let serviceCall):
            let outcome = try Self.callOutcome(&reader)
            if plugin.tokens.reclaim(token) != nil { serviceCall.settle(outcome.checked(for: serviceCall.method)) }
        case .function(let future):
            let code = try reader.integer(Int32.self)
            let status = try reader.integer(Int32.self)
            var value = try reader.value()
            future.fulfil(
                RemoteFunctionOutcome(
                    code: code, status: status, value: code == JF_OK ? ValueBlock(copying: &value, count: 1) : nil))
        case .other: break
        }
        try reader.finish()
    }

    /// What ``WireWriter/result(_:)`` wrote.
    static func callOutcome(_ reader: inout WireReader) throws(MalformedMessage) -> RemoteOutcome {
        RemoteOutcome(code: try reader.integer(), value: try reader.value(), message: try reader.text())
    }
}

/// The outcome of a method that ran in a worker. Valid as long as the message that it was read from.
struct RemoteOutcome {
    let code: Int32
    let value: jf_value
    let message: jf_text

    /// The outcome for the caller: a value that the method's signature allows, or a failure.
    func checked(for method: ProvidedMethod) -> CallOutcome {
        guard code == JF_OK else { return CallOutcome(min(code, JF_E_FAILED), message.string.cut(to: 65_536)) }
        guard let problem = method.type.problem(ofResult: value) else { return CallOutcome(copying: value) }
        return CallOutcome(JF_E_MISMATCH, "method '\(method.type.name)': \(problem)")
    }
}
