import CJackfield
import SocketIO

/// One `emit_ack` that waits for its answer: calls the plugin back exactly once.
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

    /// Whether there is anything to ask the client for; if not, the plugin gets ``code``.
    var isPromised: Bool { promise.number != nil }
    var code: Int32 { promise.code }

    /// The call was never promised after all.
    func forget() { _ = plugin.claim(promise) }

    func finish(_ answer: AckResult) { finish(AnswerCopy(answer, socket)) }
    func finish(_ status: Int32) { finish(AnswerCopy(status, socket)) }

    private func finish(_ answer: AnswerCopy) {
        plugin.complete(promise) { [call, plugin, sender] in
            // In the socket's own line, so that its answer keeps its place among its events.
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
