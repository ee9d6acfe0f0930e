import FuzzSupport

@testable import SocketIO

/// The byte interfaces for arrays. Each array is copied to an allocation of the same size.
extension NamespaceSocket {
    func emit(_ name: String, _ args: String) {
        emit(name, Array(args.utf8), [])
    }

    func emit(_ name: String, _ args: [UInt8], _ attachments: [[UInt8]]) {
        withBytes(name, args, attachments) { emit(name: $0, args: $1, attachments: $2) }
    }

    func ask(
        _ name: String, _ args: [UInt8], _ attachments: [[UInt8]], timeout: Int64,
        _ answer: @escaping (AckResult) -> Void
    ) throws(LimitError) {
        let failure = withBytes(name, args, attachments) { name, args, attachments in
            do throws(LimitError) {
                try emit(name: name, args: args, attachments: attachments, timeout: timeout, answer: answer)
                return nil as LimitError?
            } catch {
                return error
            }
        }
        if let failure { throw failure }
    }

    func ack(_ id: UInt64, _ args: [UInt8], _ attachments: [[UInt8]]) {
        withBytes("", args, attachments) { ack(id, args: $1, attachments: $2) }
    }
}

extension Shard {
    func ask(
        _ name: String, _ args: [UInt8], to target: BroadcastTarget, timeout: Int64,
        _ each: @escaping (AckResult) -> Void
    ) {
        guard
            let ackRequest = withBytes(
                name, args, [], { ackRequest(name: $0, args: $1, attachments: $2, in: target.namespace) })
        else { return }
        var handles: ContiguousArray<SocketHandle> = []
        collect(target, into: &handles)
        for handle in handles { socket(handle)?.emit(ackRequest, timeout: timeout, answer: each) }
    }
}

func withBytes<Result>(
    _ name: String, _ args: [UInt8], _ attachments: [[UInt8]],
    _ body: (UnsafeRawBufferPointer, UnsafeRawBufferPointer, UnsafeBufferPointer<UnsafeRawBufferPointer>) -> Result
) -> Result {
    let copies = attachments.map { attachment in
        let copy = UnsafeMutableRawBufferPointer.allocate(byteCount: attachment.count, alignment: 1)
        copy.copyBytes(from: attachment)
        return UnsafeRawBufferPointer(copy)
    }
    defer { for copy in copies { copy.deallocate() } }
    return withExactCopy(of: name.utf8) { name in
        withExactCopy(of: args) { args in
            copies.withUnsafeBufferPointer { body(UnsafeRawBufferPointer(name), UnsafeRawBufferPointer(args), $0) }
        }
    }
}
