import CJackfield
import SocketIO

/// What one client answered, copied to outlive the loop's call.
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

    /// Bytes it holds.
    var bytes: Int { pack.count }

    /// As the header has it, valid for the call.
    static func withRaw(_ answers: [AnswerCopy], _ body: (UnsafeBufferPointer<jf_answer>) -> Void) {
        // All attachments of all answers in one list that does not grow, so that each answer can point into it.
        let attachments = answers.flatMap { answer in
            answer.pack.indices.dropFirst().map { jf_bytes(answer.pack.bytes($0)) }
        }
        attachments.withUnsafeBufferPointer { attachments in
            var next = 0
            let raw = answers.map { answer in
                let count = answer.pack.indices.count - 1
                defer { next += count }
                return jf_answer(
                    struct_size: UInt32(MemoryLayout<jf_answer>.size), status: answer.status, socket: answer.socket, args: answer.pack[0],
                    attachments: count == 0 ? nil : attachments.baseAddress.map { $0 + next }, attachment_count: UInt32(count), reserved: 0)
            }
            withExtendedLifetime(answers) { raw.withUnsafeBufferPointer(body) }
        }
    }
}
