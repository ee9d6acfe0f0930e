import CJackfield
import SocketIO

/// One `emit_ack` that waits for its answer: calls the plugin back exactly once.
final class AnswerCall: Sendable {
    private let call: PluginCall<jf_answer_fn>
    private let plugin: Plugin
    private let socket: SocketHandle
    private let sender: Sender
    private let number: UInt64

    /// `nil` beyond the limit of ``PendingCalls``.
    init?(_ call: PluginCall<jf_answer_fn>, of plugin: Plugin, from info: SocketInfo) {
        self.call = call
        self.plugin = plugin
        let socket = info.handle
        self.socket = socket
        sender = Sender(user: info.user, socket: socket)
        let abort = { @Sendable in Self.make(call, of: plugin, with: AnswerCopy(JF_E_GONE, socket)) }
        guard let number = plugin.pending.add(abort) else { return nil }
        self.number = number
    }

    /// The call was never promised after all.
    func forget() { _ = plugin.pending.take(number) }

    func finish(_ answer: AckAnswer) { finish(AnswerCopy(answer, socket)) }
    func finish(_ status: Int32) { finish(AnswerCopy(status, socket)) }

    private func finish(_ answer: AnswerCopy) {
        guard plugin.pending.take(number) else { return }
        let (call, plugin) = (call, plugin)
        // In the socket's own line, so that its answer keeps its place among its events.
        let task = StrandTask(run: { Self.make(call, of: plugin, with: answer) })
        _ = plugin.strand.enqueue(task, of: sender, bytes: answer.bytes, promised: true)
    }

    /// On the strand.
    private static func make(_ call: PluginCall<jf_answer_fn>, of plugin: Plugin, with answer: AnswerCopy) {
        AnswerCopy.withRaw([answer]) { call.function(plugin.instance, call.context, $0.baseAddress) }
    }
}
