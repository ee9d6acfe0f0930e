import EngineIO

/// An event encoded once, on its way to the sockets of a target on every shard. [any-thread]
///
/// Where recovery is on, making one also enters it into the log, so make one for each broadcast, not for each shard.
public struct Broadcast: Sendable {
    public let message: SharedMessage

    public let target: BroadcastTarget

    /// Its place in the log of recovery; 0 without one.
    let sequence: UInt64

    /// - Parameters:
    ///   - name: UTF-8 text; quoted here.
    ///   - args: a valid JSON array, each placeholder naming one of `attachments`.
    ///   - recovery: ``SocketOptions/recovery``.
    ///   - isKept: `false` gives the event its place in the log and does not keep it, as a volatile one: for what each shard encodes
    ///     for itself, and recovery must not send once for each of them.
    public init(
        name: UnsafeRawBufferPointer, args: UnsafeRawBufferPointer,
        attachments: UnsafeBufferPointer<UnsafeRawBufferPointer> = .init(start: nil, count: 0), flags: EmitFlags = [],
        to target: BroadcastTarget, recovery: RecoveryStore? = nil, isKept: Bool = true
    ) {
        var prefix = target.namespace == "/" ? "" : target.namespace.text + ","
        self.target = target
        (message, sequence) = prefix.withUTF8 { prefix in
            let prefix = UnsafeRawBufferPointer(prefix)
            guard let recovery else {
                return (
                    PacketEncoder.message(name: name, args: args, attachments: attachments, flags: flags, prefix: prefix), 0
                )
            }
            return recovery.append(to: .broadcast(target), isStored: isKept && !flags.contains(.volatile)) { offset in
                PacketEncoder.message(name: name, args: args, attachments: attachments, flags: flags, prefix: prefix, offset: offset)
            }
        }
    }
}
