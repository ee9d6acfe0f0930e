import Synchronization

/// The request that opened a session, kept for hooks and plugins, and the session's current transport. Immutable except
/// for ``transport``.
///
/// URI and headers are stored as one block of text: ten thousand sessions store one each, and they are rarely read.
///
/// `@unchecked Sendable`: only `init` writes and only `deinit` frees the memory of `block`; `isOverWebSocket` is
/// atomic.
public final class HandshakeRequest: @unchecked Sendable {
    /// The peer's address without the port, `127.0.0.1` or `::1`.
    public let remoteAddress: String
    /// Whether the connection was encrypted.
    public let secure: Bool
    /// Beside the other flag, where it takes no memory of its own.
    private let isOverWebSocket: Atomic<Bool>
    /// The time of the request; ms since 1970.
    public let issued: Int64
    /// Bytes of the URI in `block`.
    private let uriCount: Int
    /// The URI, then `name: value\r\n` per header, in the order sent.
    private let block: UnsafeRawBufferPointer

    /// - Parameters:
    ///   - transport: the session's first transport.
    ///   - text: the URI, whose length is `uriCount` bytes, then `name: value\r\n` per header, in the order sent.
    public init(
        remoteAddress: String, secure: Bool, issued: Int64, transport: TransportName = .websocket,
        text: ArraySlice<UInt8>, uriCount: Int
    ) {
        isOverWebSocket = Atomic(transport == .websocket)
        self.remoteAddress = remoteAddress
        self.secure = secure
        self.issued = issued
        self.uriCount = uriCount
        // Exact allocation instead of an array: ten thousand sessions would also need memory for its header and its
        // spare capacity.
        let copy = UnsafeMutableRawBufferPointer.allocate(byteCount: text.count, alignment: 1)
        copy.copyBytes(from: text)
        block = UnsafeRawBufferPointer(copy)
    }

    public convenience init(
        remoteAddress: String, secure: Bool, uri: String, issued: Int64, transport: TransportName = .websocket,
        headers: some Collection<(name: String, value: String)>
    ) {
        let text = Array((uri + headers.map { "\($0.name): \($0.value)\r\n" }.joined()).utf8)
        self.init(
            remoteAddress: remoteAddress, secure: secure, issued: issued, transport: transport, text: text[...],
            uriCount: uri.utf8.count)
    }

    /// The approximate memory in bytes.
    public var size: Int { block.count + Self.overhead }

    /// The object itself and the allocator's overhead.
    private static let overhead = 128

    deinit {
        block.deallocate()
    }

    /// The session's current transport. Written on its loop, read on any thread.
    public internal(set) var transport: TransportName {
        get { isOverWebSocket.load(ordering: .relaxed) ? .websocket : .polling }
        set { isOverWebSocket.store(newValue == .websocket, ordering: .relaxed) }
    }

    /// Path and query as sent. Decoded on each call.
    public var uri: String { String(decoding: block[..<uriCount], as: UTF8.self) }

    /// All headers in the order sent; the transport gives names in lower case. Decoded on each call.
    public var headers: [(name: String, value: String)] {
        block[uriCount...].split(separator: 0x0A).compactMap { line in
            guard let colon = line.firstIndex(of: 0x3A) else { return nil }
            let value = line[(colon + 1)...].dropFirst().dropLast()
            return (String(decoding: line[..<colon], as: UTF8.self), String(decoding: value, as: UTF8.self))
        }
    }
}
