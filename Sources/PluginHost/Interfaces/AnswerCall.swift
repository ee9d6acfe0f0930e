import CJackfield
import SocketIO
import Synchronization

/// One `emit_ack` that waits for its answer. Calls the plugin back exactly once.
final class AnswerCall: Sendable {
    private let call: PluginCall<jf_answer_fn>
    private let plugin: LoadedPlugin
    private let socket: SocketHandle
    private let sender: Sender
    private let promise: PromisedCall

    init(_ call: PluginCall<jf_answer_fn>, of plugin: LoadedPlugin, from info: SocketInfo) {
        self.call = call
        self.plugin = plugin
        let socket = info.handle
        self.socket = socket
        sender = Sender(user: info.user, socket: socket)
        promise = plugin.promise { Self.make(call, of: plugin, with: AnswerCopy(JF_E_GONE, socket)) }
    }

    /// Whether a callback is promised, so that the client must be asked; if not, ``code`` is the function's result.
    var isPromised: Bool { promise.number != nil }
    var code: Int32 { promise.code }

    /// Withdraws the promise: the function returns an error instead.
    func forget() { _ = plugin.claim(promise) }

    func finish(_ answer: AckResult) { finish(AnswerCopy(answer, socket)) }
    func finish(_ status: Int32) { finish(AnswerCopy(status, socket)) }

    private func finish(_ answer: AnswerCopy) {
        plugin.complete(promise) { [call, plugin, sender] in
            // In the line of the socket, so that the answer keeps its order among the socket's events.
            let task = StrandTask(.answer, run: { Self.make(call, of: plugin, with: answer) })
            _ = plugin.strand.enqueue(task, of: sender, bytes: answer.bytes, promised: true)
        }
    }

    /// On the strand.
    private static func make(_ call: PluginCall<jf_answer_fn>, of plugin: LoadedPlugin, with answer: AnswerCopy) {
        guard plugin.isCreated else { return }
        AnswerCopy.withRaw([answer]) { call.function(plugin.instance, call.context, $0.baseAddress) }
    }
}

/// One running `broadcast_ack`: collects the answers from all loops and calls the plugin back exactly once.
final class AnswersCall: Sendable {
    private struct State {
        var loops: Int
        var expected = 0
        var settled = 0
        var answers: [AnswerCopy] = []
        /// Bytes reserved in ``LoadedPlugin/results``.
        var bytes = 0
        /// Whether an answer was left out because of the byte limit.
        var isCut = false
        /// Whether the result is complete and one caller has begun to deliver it.
        var isOver = false
    }

    /// Bytes that an answer holds in addition to its arguments and attachments.
    private static let answerCost = 160

    private let call: PluginCall<jf_answers_fn>
    private let plugin: LoadedPlugin
    private let promise: PromisedCall
    private let state: Mutex<State>

    init(_ call: PluginCall<jf_answers_fn>, of plugin: LoadedPlugin, loops: Int) {
        self.call = call
        self.plugin = plugin
        state = Mutex(State(loops: loops))
        promise = plugin.promise { Self.make(call, of: plugin, status: JF_E_GONE, expected: 0, []) }
    }

    /// Whether a callback is promised, so that clients must be asked; if not, ``code`` is the function's result.
    var isPromised: Bool { promise.number != nil }
    var code: Int32 { promise.code }

    /// Withdraws the promise: the function returns an error instead.
    func forget() { _ = plugin.claim(promise) }

    /// Adds a socket's answer, or notes that it gave none. [loop]
    func answered(_ socket: SocketHandle, _ answer: AckResult) {
        state.withLock { state in
            state.settled += 1
            guard case .answered(let args, let attachments) = answer else { return }
            let size = Self.answerCost + attachments.reduce(args.count) { $0 + $1.count }
            guard plugin.results.reserve(size, besides: state.bytes) else {
                state.isCut = true
                return
            }
            state.bytes += size
            state.answers.append(AnswerCopy(answer, socket))
        }
        finishIfComplete()
    }

    /// Notes that a loop has asked this many sockets. [loop]
    func addExpected(_ count: Int) {
        state.withLock { state in
            state.loops -= 1
            state.expected += count
        }
        finishIfComplete()
    }

    private func finishIfComplete() {
        let result = state.withLock { state -> State? in
            guard !state.isOver, state.loops == 0, state.settled == state.expected else { return nil }
            state.isOver = true
            return state
        }
        guard let result else { return }
        let status = result.isCut ? JF_E_LIMIT : result.answers.count == result.expected ? JF_OK : JF_E_TIMEOUT
        let bytes = result.bytes
        var isQueued = false
        plugin.complete(promise) { [call, plugin] in
            let task = StrandTask(
                .answer,
                run: {
                    Self.make(call, of: plugin, status: status, expected: result.expected, result.answers)
                    plugin.results.release(bytes)
                }, drop: { plugin.results.release(bytes) })
            // The texts stay counted in the plugin's results. In the queue they would use the space for events.
            isQueued = plugin.strand.enqueue(
                task, bytes: result.answers.count * MemoryLayout<AnswerCopy>.stride, promised: true)
        }
        if !isQueued { plugin.results.release(bytes) }
    }

    /// On the strand.
    private static func make(
        _ call: PluginCall<jf_answers_fn>, of plugin: LoadedPlugin, status: Int32, expected: Int,
        _ answers: [AnswerCopy]
    ) {
        guard plugin.isCreated else { return }
        AnswerCopy.withRaw(answers) { items in
            var raw = jf_answers.sized
            raw.status = status
            raw.expected = UInt32(clamping: expected)
            raw.count = UInt32(items.count)
            raw.items = items.isEmpty ? nil : items.baseAddress
            raw.stride = UInt32(MemoryLayout<jf_answer>.stride)
            call.function(plugin.instance, call.context, &raw)
        }
    }
}

/// One client's answer, copied to outlive the loop's call.
struct AnswerCopy: Sendable {
    let status: Int32
    let socket: SocketHandle
    /// The arguments, then the attachments.
    private let pack: TextPack

    init(_ status: Int32, _ socket: SocketHandle) {
        self.status = status
        self.socket = socket
        pack = TextPack([.text("[]")])
    }

    init(_ answer: AckResult, _ socket: SocketHandle) {
        self.socket = socket
        switch answer {
        case .answered(let args, let attachments):
            status = JF_OK
            pack = TextPack(copying: [args] + attachments)
        case .timedOut:
            status = JF_E_TIMEOUT
            pack = TextPack([.text("[]")])
        case .disconnected:
            status = JF_E_GONE
            pack = TextPack([.text("[]")])
        }
    }

    /// Bytes of arguments and attachments.
    var bytes: Int { pack.count }

    /// Passes the answers as the header's structures, valid for the call.
    static func withRaw(_ answers: [AnswerCopy], _ body: (UnsafeBufferPointer<jf_answer>) -> Void) {
        // All attachments of all answers in one list whose address does not change, so that each answer can point into
        // it.
        let attachments = answers.flatMap { answer in
            answer.pack.indices.dropFirst().map { jf_bytes(answer.pack.bytes($0)) }
        }
        attachments.withUnsafeBufferPointer { attachments in
            var next = 0
            let raw = answers.map { answer in
                let count = answer.pack.indices.count - 1
                defer { next += count }
                return jf_answer(
                    struct_size: UInt32(MemoryLayout<jf_answer>.size), status: answer.status, socket: answer.socket,
                    args: answer.pack[0],
                    attachments: count == 0 ? nil : attachments.baseAddress.map { $0 + next },
                    attachment_count: UInt32(count), reserved: 0)
            }
            withExtendedLifetime(answers) { raw.withUnsafeBufferPointer(body) }
        }
    }
}
