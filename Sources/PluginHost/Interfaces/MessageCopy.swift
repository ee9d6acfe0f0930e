import SocketIO

/// A message of a plugin, copied to outlive the call. Immutable.
final class MessageCopy: Sendable {
    /// Name, arguments, then the attachments.
    private let pack: TextPack
    let flags: EmitFlags

    init(
        _ name: UnsafeRawBufferPointer, _ args: UnsafeRawBufferPointer, _ attachments: UnsafeBufferPointer<UnsafeRawBufferPointer>, _ flags: EmitFlags
    ) {
        pack = TextPack(copying: [name, args] + attachments)
        self.flags = flags
    }

    /// What it holds.
    var bytes: Int { pack.count }

    /// Its parts, valid for the call.
    func withParts(_ body: (UnsafeRawBufferPointer, UnsafeRawBufferPointer, UnsafeBufferPointer<UnsafeRawBufferPointer>) -> Void) {
        withExtendedLifetime(pack) {
            pack.indices.dropFirst(2).map { pack.bytes($0) }.withUnsafeBufferPointer { body(pack.bytes(0), pack.bytes(1), $0) }
        }
    }
}
