@testable import SocketIO

/// The functions that take bytes, for strings.
extension NamespaceSocket {
    func emit(_ name: String, _ args: String = "[]", _ attachments: [[UInt8]] = [], flags: EmitFlags = []) {
        withBytes(name, args, attachments) { emit(name: $0, args: $1, attachments: $2, flags: flags) }
    }

    func ask(_ name: String, _ args: String = "[]", timeout: Int64 = 1_000, _ answer: @escaping (String) -> Void) throws
    {
        var failure: LimitError?
        withBytes(name, args, []) { name, args, attachments in
            do throws(LimitError) {
                try emit(name: name, args: args, attachments: attachments, timeout: timeout) { answer($0.text) }
            } catch {
                failure = error
            }
        }
        if let failure { throw failure }
    }

    func ack(_ id: UInt64, _ args: String, _ attachments: [[UInt8]] = []) {
        withBytes("", args, attachments) { ack(id, args: $1, attachments: $2) }
    }
}

extension Shard {
    func ask(
        _ name: String, _ args: String, to target: BroadcastTarget, timeout: Int64,
        _ each: @escaping (NamespaceSocket, String) -> Void
    ) -> Int {
        guard
            let ackRequest = withBytes(
                name, args, [], { ackRequest(name: $0, args: $1, attachments: $2, in: target.namespace) })
        else { return 0 }
        var sockets: ContiguousArray<SocketHandle> = []
        collect(target, into: &sockets)
        for socket in sockets.compactMap({ socket($0) }) {
            socket.emit(ackRequest, timeout: timeout) { [unowned socket] in each(socket, $0.text) }
        }
        return sockets.count
    }

    @discardableResult
    func broadcast(
        _ name: String, _ args: String, _ attachments: [[UInt8]] = [], flags: EmitFlags = [], to target: BroadcastTarget
    ) -> Int {
        deliver(Broadcast(name, args, attachments, flags: flags, to: target, recovery: options.recovery))
    }
}

extension Broadcast {
    init(
        _ name: String, _ args: String, _ attachments: [[UInt8]] = [], flags: EmitFlags = [],
        to target: BroadcastTarget,
        recovery: RecoveryStore? = nil
    ) {
        self = withBytes(name, args, attachments) {
            Broadcast(name: $0, args: $1, attachments: $2, flags: flags, to: target, recovery: recovery)
        }
    }
}

extension AckResult {
    var text: String {
        switch self {
        case .answered(let args, let attachments):
            String(decoding: args, as: UTF8.self) + attachments.map { " \(Array($0))" }.joined()
        case .timedOut: "timed out"
        case .disconnected: "disconnected"
        }
    }
}

func withBytes<Result>(
    _ name: String, _ args: String, _ attachments: [[UInt8]],
    _ body: (UnsafeRawBufferPointer, UnsafeRawBufferPointer, UnsafeBufferPointer<UnsafeRawBufferPointer>) -> Result
) -> Result {
    let copies = attachments.map { attachment in
        let copy = UnsafeMutableRawBufferPointer.allocate(byteCount: attachment.count, alignment: 1)
        copy.copyBytes(from: attachment)
        return UnsafeRawBufferPointer(copy)
    }
    defer { for copy in copies { copy.deallocate() } }
    return Array(name.utf8).withUnsafeBytes { name in
        Array(args.utf8).withUnsafeBytes { args in
            copies.withUnsafeBufferPointer { body(name, args, $0) }
        }
    }
}
