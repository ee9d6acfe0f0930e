/// A session's id as its bytes: within the session and in the table, where a `String` of that length would be an allocation for each.
struct SessionKey: Hashable, Sendable {
    private let first: UInt64
    private let second: UInt64
    private let third: UInt32

    /// `nil` for what cannot be an id.
    init?(_ id: String) {
        guard id.utf8.count == SessionID.length else { return nil }
        var id = id
        (first, second, third) = id.withUTF8 { text in
            let bytes = UnsafeRawBufferPointer(text)
            return (
                bytes.loadUnaligned(fromByteOffset: 0, as: UInt64.self), bytes.loadUnaligned(fromByteOffset: 8, as: UInt64.self),
                bytes.loadUnaligned(fromByteOffset: 16, as: UInt32.self)
            )
        }
    }

    var text: String {
        String(unsafeUninitializedCapacity: SessionID.length) { text in
            let bytes = UnsafeMutableRawBufferPointer(text)
            bytes.storeBytes(of: first, toByteOffset: 0, as: UInt64.self)
            bytes.storeBytes(of: second, toByteOffset: 8, as: UInt64.self)
            bytes.storeBytes(of: third, toByteOffset: 16, as: UInt32.self)
            return SessionID.length
        }
    }
}
